// The SDK for hooks in AssemblyScript: functions from a message, an attachment,
// a reply or a session to an answer. assembly/exports.ts says which of them the
// engine calls.
export { Level, log } from "./abi";
export { Answer } from "./answer";
export { Attachment, Content, Message, Reply, Session } from "./input";
export { Type, Value } from "./json";
