// What the engine gives to a script, and takes from it: for editors and tsc.

export interface Session {
  id: string;
  agentGroupId: string;
  messagingGroupId: string | null;
  threadId: string | null;
  mode: "SHARED" | "PER_THREAD" | "AGENT_SHARED";
  labels: string[];
  /** The chat's platform, and its id there: for onSession alone. */
  channelType?: string | null;
  platformId?: string | null;
}

/** About a message, where its content is not given. */
export interface Envelope {
  id: string;
  kind: string;
  timestamp: string;
  platformId: string | null;
  channelType: string | null;
  threadId: string | null;
  /** The session of the agent that wrote it, if one did. */
  sourceSessionId: string | null;
  /** Whether it asks for an answer, or is context alone. */
  trigger: boolean;
}

/** C is what the hook expects of the content: it may be any object, array or string. */
export interface Message<C = any> extends Envelope {
  content: C;
  session: Session;
}

export interface Reply<C = any> {
  id: string;
  kind: string;
  platformId: string | null;
  channelType: string | null;
  threadId: string | null;
  content: C;
  session: Session;
}

export interface Attachment {
  ref: string;
  name: string;
  mimeType: string | null;
  size: number;
  bytes: Uint8Array;
  message: Envelope;
  session: Session;
}

/** What onMessage returns; nothing passes. */
export type MessageAnswer = Pick<Message, "content"> | null | void;
/** What onReply returns; nothing passes. */
export type ReplyAnswer = Pick<Reply, "content"> | null | void;
/** What onSession returns; nothing passes. */
export type SessionAnswer = string[] | Pick<Session, "labels"> | null | void;
/** What onAttachment returns; nothing passes. */
export type AttachmentAnswer = Uint8Array | { bytes?: Uint8Array; name?: string; mimeType?: string | null } | null | void;

declare global {
  /** Ends the call: it is refused, and the reason is for the sender. */
  function reject(reason: string): never;
  /** Ends the call: a message or reply is accepted and taken away. */
  function drop(): never;
  /** Ends the call: the attachment is taken away. */
  function remove(): never;
  /** Writes to the hook's log, which "engine hook logs" shows. */
  const console: Record<"debug" | "log" | "info" | "warn" | "error", (...values: unknown[]) => void>;
}
