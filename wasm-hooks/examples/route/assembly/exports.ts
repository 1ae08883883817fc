import { answerMessage, answerSession, configure } from "../hook/exports";
import { onConfig, onMessage, onSession } from "./index";

export { hook_abi_version, hook_alloc, hook_done } from "../hook/exports";

export function hook_init(at: usize, size: usize): u64 { return configure(at, size, onConfig); }
export function on_message(at: usize, size: usize): u64 { return answerMessage(at, size, onMessage); }
export function on_session(at: usize, size: usize): u64 { return answerSession(at, size, onSession); }
