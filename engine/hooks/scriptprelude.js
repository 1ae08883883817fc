// What stands between the engine and a script. It runs before the script, and
// uses nothing afterwards that the script could have changed.
(() => {
  'use strict';

  const { stringify } = JSON;
  const { freeze, isFrozen, defineProperty, getOwnPropertyDescriptor, keys } = Object;
  const { apply } = Reflect;
  const { isView } = ArrayBuffer;
  const resolved = Promise.resolve.bind(Promise);
  const { then } = Promise.prototype;
  const { isArray } = Array;
  const { slice } = String.prototype;
  const Bytes = Uint8Array, Buffer = ArrayBuffer, Failure = Error, text = String, WeakMark = WeakSet;
  const { has, add } = WeakMark.prototype;

  const { get: lineOf } = getOwnPropertyDescriptor(Function.prototype, 'lineNumber');
  const { get: columnOf } = getOwnPropertyDescriptor(Function.prototype, 'columnNumber');

  let log;

  // faults are what the engine itself objects to in an answer.
  const faults = new WeakMark();
  const fault = (message) => {
    const f = { message };
    apply(add, faults, [f]);
    return f;
  };

  // verdict is what reject, drop or remove made of the running call. They throw
  // so that nothing after them runs; whoever catches that changes nothing.
  const passed = undefined;
  let point, verdict, bytes, config;
  const ended = freeze({ __proto__: null, name: 'HookEnded', message: 'reject, drop or remove ended this call' });
  const end = (helper, allowed, answer) => {
    for (let i = 0; i < allowed.length; i++) {
      if (allowed[i] === point) {
        verdict ??= answer;
        throw ended;
      }
    }
    throw new Failure(`${helper}() can be called while ${allowed.join(' or ')} runs`);
  };
  const globals = {
    reject: (reason) => end('reject', ['onMessage', 'onAttachment', 'onReply', 'onSession'], stringify({ __proto__: null, action: 'reject', reason: text(reason ?? '') })),
    drop: () => end('drop', ['onMessage', 'onReply'], '{"action":"drop"}'),
    remove: () => end('remove', ['onAttachment'], '{"action":"remove"}'),
    console: {},
  };

  const shown = (v) => {
    if (typeof v === 'string') return v;
    try {
      if (v instanceof Failure) return `${v.name}: ${v.message}`;
      return stringify(v) ?? text(v);
    } catch {
      return typeof v === 'bigint' ? text(v) : typeof v;
    }
  };
  const levels = { debug: 0, log: 1, info: 1, warn: 2, error: 3 };
  for (const name of keys(levels)) {
    globals.console[name] = (...values) => {
      let line = '';
      for (let i = 0; i < values.length; i++) line += (i ? ' ' : '') + shown(values[i]);
      log(levels[name], line);
    };
  }
  for (const name of keys(globals)) {
    defineProperty(globalThis, name, { value: freeze(globals[name]), enumerable: false });
  }

  const json = (value, what) => {
    let s;
    try {
      s = stringify(value);
    } catch (e) {
      throw fault(`returned ${what} that is not JSON: ${text(e?.message ?? e)}`);
    }
    if (s === undefined) throw fault(`returned ${what} that is not JSON: a ${typeof value}`);
    return s;
  };

  // answers turn what a function returned, which is neither undefined nor null,
  // into an answer of the engine's.
  const content = (subject) => (value) => {
    if (typeof value !== 'object' || isArray(value) || value.content === undefined) {
      throw fault(`returned ${isArray(value) ? 'an array' : `a ${typeof value} without content`}: return the ${subject} with its content, or nothing`);
    }
    return `{"action":"replace","content":${json(value.content, `a ${subject} with content`)}}`;
  };
  const answers = {
    onMessage: content('message'),
    onReply: content('reply'),
    onSession: (value) => {
      const labels = isArray(value) ? value : value.labels;
      if (!isArray(labels)) throw fault(`returned a ${typeof value} without labels: return an array of labels, an object with labels, or nothing`);
      return `{"action":"replace","labels":${json(labels, 'labels')}}`;
    },
    onAttachment: (value) => {
      if (typeof value !== 'object') throw fault(`returned a ${typeof value}: return the attachment, an object with bytes, name or mimeType, or nothing`);
      const data = value instanceof Bytes ? value : value.bytes;
      if (data !== undefined) {
        if (!isView(data) && !(data instanceof Buffer)) throw fault('returned an attachment whose bytes are no Uint8Array');
        bytes = data instanceof Bytes ? data : isView(data) ? new Bytes(data.buffer, data.byteOffset, data.byteLength) : new Bytes(data);
      }
      const answer = { __proto__: null, action: 'replace', bytes: bytes === undefined ? 'keep' : 'replace' };
      if (data !== value) {
        if (typeof value.name === 'string') answer.name = value.name;
        if (typeof value.mimeType === 'string') answer.mimeType = value.mimeType;
      }
      return stringify(answer);
    },
  };

  const points = keys(answers);
  const functions = { __proto__: null };
  const failed = (e) => {
    if (verdict !== undefined) return verdict;
    throw e;
  };
  const settled = (value) => {
    if (verdict !== undefined) return verdict;
    if (value === undefined || value === null) return passed;
    return answers[point](value);
  };
  // run returns an answer, undefined for a pass, or a promise of either.
  const run = (name, subject) => {
    point = name;
    verdict = bytes = undefined;
    let value;
    try {
      value = functions[name](subject, config);
      if (value !== undefined && value !== null && typeof value.then === 'function') return apply(then, resolved(value), [settled, failed]);
    } catch (e) {
      return failed(e);
    }
    return settled(value);
  };

  const deeplyFrozen = (value) => {
    if (typeof value === 'object' && value !== null && !isFrozen(value)) {
      freeze(value);
      const names = keys(value);
      for (let i = 0; i < names.length; i++) deeplyFrozen(value[names[i]]);
    }
    return value;
  };

  return {
    useLog: (f) => {
      log = f;
    },
    setup: (exports, settings) => {
      config = deeplyFrozen(settings);
      for (let i = 0; i < points.length; i++) {
        const name = points[i];
        if (!(name in exports)) continue;
        functions[name] = exports[name];
        if (typeof functions[name] !== 'function') throw fault(`exports ${name}, which is no function`);
      }
    },
    onMessage: ({ message, session }) => {
      message.session = session;
      return run('onMessage', message);
    },
    onReply: ({ reply, session }) => {
      reply.session = session;
      return run('onReply', reply);
    },
    onSession: ({ session }) => run('onSession', session),
    onAttachment: ({ attachment, message, session }, data) => {
      attachment.message = message;
      attachment.session = session;
      attachment.bytes = data;
      return run('onAttachment', attachment);
    },
    room: (size) => new Bytes(size),
    bytes: () => bytes,
    // describe tells of an exception, which may be anything: what it says, and
    // where it comes from.
    describe: (e) => {
      const cut = (s) => apply(slice, text(s), [0, 4000]);
      if (apply(has, faults, [e])) return stringify([e.message, '']);
      if (typeof e !== 'object' || e === null) return stringify([`threw ${typeof e === 'string' ? stringify(cut(e)) : cut(e)}`, '']);
      let what = 'threw an object', stack = '';
      try {
        what = 'message' in e ? `threw ${cut(e.name ?? 'Error')}: ${cut(e.message)}` : `threw ${cut(stringify(e))}`;
        stack = cut(e.stack ?? '');
      } catch {}
      return stringify([what, stack]);
    },
    trace: () => new Failure().stack,
    // origin is where the running call's function begins, as a trace tells it.
    origin: () => ` script:${apply(lineOf, functions[point], [])}:${apply(columnOf, functions[point], [])}`,
  };
})()
