// route is a hook: it labels new sessions and messages by rules, for whoever
// routes or filters by labels. A rule applies if all that it asks for is so.
//
//   {
//     "sessions": [                        for on_session
//       {
//         "channelType": "slack",          the chat's platform
//         "platformIdPrefix": "C0",        how the chat's id on it begins
//         "agentGroupId": "support",       the agent's group
//         "mode": "PER_THREAD",               what shares the session
//         "labels": ["support"]            what the session is labelled with, too
//       }
//     ],
//     "messages": [                        for on_message
//       {
//         "kind": "chat",                  the message's kind
//         "channelType": "email",
//         "language": "de",                of the text: de, en, es, fr, it, pt, ru, uk, el, ar, he, zh, ja, ko
//         "keywords": ["invoice", "re fund"],   one of these is in the text, as whole words
//         "labels": ["billing"]            what content.labels gets, too
//       }
//     ]
//   }
import { Answer, Message, Session, Type, Value } from "../hook";
import { language } from "./language";
import { normal, Rule } from "./rule";

let sessionRules: Rule[] = [];
let messageRules: Rule[] = [];

export function onConfig(config: Value): string {
  for (let i = 0; i < config.length; i++) {
    const name = config.key(i);
    if (name != "sessions" && name != "messages") return "there is no setting \"" + name + "\"";
    const rules = config.at(i);
    if (rules.type != Type.Array) return name + " is not a list of rules";
    for (let k = 0; k < rules.length; k++) {
      const rule = new Rule(rules.at(k));
      const problem = rule.problem(name == "sessions");
      if (problem != "") return `rule ${k + 1} of ${name}: ${problem}`;
      if (name == "sessions") sessionRules.push(rule);
      else messageRules.push(rule);
    }
  }
  return "";
}

export function onSession(session: Session): Answer {
  const labels = session.labels;
  const had = labels.length;
  for (let i = 0; i < sessionRules.length; i++) {
    const rule = sessionRules[i];
    if (rule.is("channelType", session.channelType) && rule.is("agentGroupId", session.agentGroupId)
      && rule.is("mode", session.mode) && session.platformId.startsWith(rule.text("platformIdPrefix"))) {
      rule.label(labels);
    }
  }
  return labels.length == had ? Answer.pass() : Answer.labels(labels);
}

export function onMessage(message: Message): Answer {
  const content = message.content;
  if (content.type != Type.Object || messageRules.length == 0) return Answer.pass();
  const given = content.get("labels");
  if (content.has("labels") && given.type != Type.Array) return Answer.pass(); // it is somebody else's
  const labels: string[] = [];
  for (let i = 0; i < given.length; i++) labels.push(given.at(i).string());
  const had = labels.length;
  const words = normal(message.text);
  const spoken = language(words);
  for (let i = 0; i < messageRules.length; i++) {
    const rule = messageRules[i];
    if (rule.is("kind", message.kind) && rule.is("channelType", message.channelType)
      && rule.is("language", spoken) && rule.mentions(words)) {
      rule.label(labels);
    }
  }
  if (labels.length == had) return Answer.pass();
  const all = Value.array();
  for (let i = 0; i < had; i++) all.push(given.at(i));
  for (let i = had; i < labels.length; i++) all.push(Value.string(labels[i]));
  content.set("labels", all);
  return Answer.replace(content);
}
