// What the engine sees: a function for each point that this hook handles. The
// others are on_attachment, on_reply and on_session, with answerAttachment and
// so on. Without a configuration, leave hook_init out.
import { answerMessage, configure } from "../hook/exports";
import { onConfig, onMessage } from "./index";

export { hook_abi_version, hook_alloc, hook_done } from "../hook/exports";

export function hook_init(at: usize, size: usize): u64 { return configure(at, size, onConfig); }
export function on_message(at: usize, size: usize): u64 { return answerMessage(at, size, onMessage); }
