// A hook that gives each answer at each point, told by what it is called with.
import { Answer, Attachment, Content, Level, log, Message, Reply, Session, Type, Value } from "../hook";

let why = "no reason";

export function onConfig(config: Value): string {
  if (!config.has("why")) return "";
  if (config.get("why").type != Type.String) return "why must be a text";
  why = config.get("why").string();
  return "";
}

export function onMessage(message: Message): Answer { return answer(message); }
export function onReply(reply: Reply): Answer { return answer(reply); }

function answer(c: Content): Answer {
  log(Level.Info, "called");
  const text = c.text;
  if (text == "pass") return Answer.pass();
  if (text == "drop") return Answer.drop();
  if (text == "reject") return Answer.reject(why);
  if (text == "fail") throw new Error("on purpose");
  if (text == "list") {
    const list = Value.array();
    list.push(Value.null());
    list.push(c.content);
    return Answer.replace(list);
  }
  return c.replaceText("was: " + text);
}

export function onAttachment(attachment: Attachment): Answer {
  const name = attachment.name;
  if (name == "rename") return Answer.keep().named("renamed").typed("text/plain");
  if (name == "remove") return Answer.remove();
  if (name == "reject") return Answer.reject(why);
  if (name == "pass") return Answer.pass();
  return Answer.replaceBytes(attachment.bytes.reverse());
}

export function onSession(session: Session): Answer {
  const labels = session.labels;
  if (labels.length == 0) return Answer.reject(why);
  labels.push(session.channelType);
  return Answer.labels(labels);
}
