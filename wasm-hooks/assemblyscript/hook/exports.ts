// What assembly/exports.ts exports, or calls.
import { answer, begin, room } from "./abi";
import { Value } from "./json";
import { read } from "./reader";

export { hook_abi_version, hook_alloc, hook_done } from "./abi";
export { answerAttachment, answerMessage, answerReply, answerSession } from "./input";

/**
 * configure gives f the configuration, Null if there is none. What f returns is
 * what is wrong with it: the hook is not installed then, and the operator is
 * told why. "" if nothing is.
 */
export function configure(at: usize, size: usize, f: (config: Value) => string): u64 {
  const config = read(at, size);
  const problem = config ? f(config) : "the configuration is not JSON";
  const utf8 = String.UTF8.encode(problem);
  begin();
  memory.copy(room(utf8.byteLength), changetype<usize>(utf8), utf8.byteLength);
  return answer();
}
