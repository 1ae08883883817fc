// What the engine sees of a hook, and the buffers that the two exchange. They
// are outside what the collector looks after.

/** keepBytes is how much of a buffer is kept for the next call. */
const keepBytes: usize = 4 << 20;

/** callsToCollect is after how many calls garbage is collected at the latest. */
const callsToCollect: i32 = 32;

let input: usize = 0;
let inputSize: usize = 0;

let output: usize = 0;
let outputSize: usize = 0;
let written: usize = 0;

let calls: i32 = 0;
let pages: i32 = memory.size();

export function hook_abi_version(): i32 { return 1; }

export function hook_alloc(size: usize): usize {
  if (input == 0 || inputSize < size) {
    if (input != 0) heap.free(input);
    inputSize = max<usize>(size, 1024);
    input = heap.alloc(inputSize);
  }
  return input;
}

/**
 * hook_done lets the collector run, which the runtime "minimal" does when it is
 * told to and not before: nothing is on the stack now, so no function has to
 * keep account of what it holds. Not each time, since it goes through what
 * stays, such as a configuration, too.
 */
export function hook_done(): void {
  if (inputSize > keepBytes) {
    heap.free(input);
    input = 0;
  }
  if (outputSize > keepBytes) {
    heap.free(output);
    output = 0;
    outputSize = 0;
  }
  if (++calls < callsToCollect && memory.size() == pages) return;
  __collect();
  calls = 0;
  pages = memory.size();
}

/** begin starts an answer. */
export function begin(): void { written = 0; }

/** answer is where the answer is, and its size; 0 for none. */
export function answer(): u64 {
  return written == 0 ? 0 : ((output as u64) << 32) | (written as u64);
}

/** frame writes how long the answer is so far in its first four bytes. */
export function frame(): void { store<u32>(output, (written - 4) as u32); }

/** room is where n more bytes of the answer go. */
export function room(n: usize): usize {
  const at = written;
  written += n;
  if (written > outputSize) {
    outputSize = max<usize>(written + (written >> 1), 1024);
    output = output == 0 ? heap.alloc(outputSize) : heap.realloc(output, outputSize);
  }
  return output + at;
}

/** giveBack makes the answer end n bytes earlier. */
export function giveBack(n: usize): void { written -= n; }

/** Level is of a line in the hook's log. */
export enum Level { Debug, Info, Warn, Error }

@external("engine", "log")
declare function engineLog(level: i32, text: usize, size: usize): void;

/** log writes a line to the hook's log, which "engine hook logs" shows. */
export function log(level: Level, text: string): void {
  const utf8 = String.UTF8.encode(text);
  engineLog(level, changetype<usize>(utf8), utf8.byteLength);
}

@external("wasi_snapshot_preview1", "fd_write")
declare function fdWrite(fd: i32, pieces: usize, n: i32, written: usize): i32;

const stderr: i32 = 2;

/**
 * fail is what an error that is thrown comes to: the call fails, and what is on
 * standard error is the reason that the operator sees.
 */
export function fail(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = String.UTF8.encode(`${message ? message : "abort"} at ${file ? file : "?"}:${line}:${column}\n`);
  const piece = memory.data(12);
  store<usize>(piece, changetype<usize>(text));
  store<i32>(piece, text.byteLength, 4);
  fdWrite(stderr, piece, 1, piece + 8);
  unreachable();
}
