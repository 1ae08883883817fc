import { Type, Value } from "../hook";
import { knows } from "./language";

const ofSessions: string[] = ["channelType", "platformIdPrefix", "agentGroupId", "mode"];
const ofMessages: string[] = ["kind", "channelType", "language"];

/** Rule is what the configuration says of some sessions, or messages. */
export class Rule {
  private labels: string[] = [];
  /** keywords are normal: " like this ". */
  private keywords: string[] = [];

  constructor(private rule: Value) {
    const labels = rule.get("labels");
    for (let i = 0; i < labels.length; i++) this.labels.push(labels.at(i).string());
    const keywords = rule.get("keywords");
    for (let i = 0; i < keywords.length; i++) this.keywords.push(normal(keywords.at(i).string()));
  }

  /** problem says what is wrong with the rule; "" if nothing is. */
  problem(forSession: bool): string {
    for (let i = 0; i < this.rule.length; i++) {
      const key = this.rule.key(i);
      const value = this.rule.at(i);
      if (key == "labels" || key == "keywords" && !forSession) {
        if (value.type != Type.Array) return key + " is not a list";
      } else if (!(forSession ? ofSessions : ofMessages).includes(key)) {
        return "there is no setting \"" + key + "\"";
      } else if (value.type != Type.String) {
        return key + " is not a text";
      }
    }
    if (this.labels.length == 0 || this.labels.includes("")) return "it has no labels, or an empty one";
    if (this.keywords.includes(" ")) return "it has an empty keyword";
    const language = this.text("language");
    return language == "" || knows(language) ? "" : "language \"" + language + "\" is not one that is told apart";
  }

  text(key: string): string { return this.rule.get(key).string(); }

  /** is tells whether the rule asks for this, or for nothing. */
  is(key: string, value: string): bool { return !this.rule.has(key) || this.text(key) == value; }

  /** mentions tells whether one of the keywords is in words, which are normal. */
  mentions(words: string): bool {
    for (let i = 0; i < this.keywords.length; i++) {
      if (words.includes(this.keywords[i])) return true;
    }
    return this.keywords.length == 0;
  }

  /** label adds the rule's labels to those that are not there. */
  label(labels: string[]): void {
    for (let i = 0; i < this.labels.length; i++) {
      if (!labels.includes(this.labels[i])) labels.push(this.labels[i]);
    }
  }
}

/** normal is a text's words in lower case, each with a blank before and after it. */
export function normal(text: string): string {
  const lower = text.toLowerCase();
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i <= lower.length; i++) {
    const c = i < lower.length ? lower.charCodeAt(i) : 0;
    const inWord = isLetter(c);
    if (start >= 0 && (!inWord || isSign(c))) {
      words.push(lower.substring(start, i));
      start = -1;
    }
    if (inWord && isSign(c)) words.push(lower.charAt(i));
    else if (inWord && start < 0) start = i;
  }
  return words.length == 0 ? " " : " " + words.join(" ") + " ";
}

/** isSign tells Chinese and Japanese ones, which are words without blanks between them. */
function isSign(c: i32): bool { return c >= 0x3040 && c < 0xa000; }

/** isLetter takes all for one that is no sign of ASCII, Latin 1 or punctuation. */
function isLetter(c: i32): bool {
  if (c < 0x80) return c >= 0x61 && c <= 0x7a || c >= 0x30 && c <= 0x39;
  return c >= 0xc0 && c != 0xd7 && c != 0xf7 && (c < 0x2000 || c > 0x206f) && (c < 0x3000 || c > 0x303f);
}
