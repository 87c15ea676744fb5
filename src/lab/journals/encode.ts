// A state as text and back. States are plain data in Maps, Sets and bytes, so JSON needs only to be told of those. It is told by a walk
// before and after: a replacer and a reviver are called for every value there is, which takes several times as long.

/** Marks a container that JSON does not know. A state that uses it as a key of its own cannot be told apart, and is refused. */
const KIND = '$kind';

type Plain = Record<string, unknown>;

export function encodeState(state: unknown): string {
  return JSON.stringify(marked(state));
}

export function decodeState<S>(text: string): S {
  const value: unknown = JSON.parse(text);
  return (text.includes(KIND) ? unmarked(value) : value) as S;
}

/** The same with every container marked; the very same where there is none in it. */
function marked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (let at = 0; at < value.length; at++) {
      const each = marked(value[at]);
      if (each === value[at]) continue;
      copy ??= [...value];
      copy[at] = each;
    }
    return copy ?? value;
  }
  if (value instanceof Map) return { [KIND]: 'map', of: marked([...value]) };
  if (value instanceof Set) return { [KIND]: 'set', of: marked([...value]) };
  if (value instanceof Uint8Array)
    return {
      [KIND]: 'bytes',
      of: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
    };
  if (Object.hasOwn(value, KIND)) throw new Error(`a state cannot have a key named ${KIND}`);
  let copy: Plain | undefined;
  for (const key of Object.keys(value)) {
    const own = (value as Plain)[key];
    const each = marked(own);
    if (each === own) continue;
    copy ??= { ...(value as Plain) };
    copy[key] = each;
  }
  return copy ?? value;
}

/** The same with every marked container as it was. What was just read belongs to nobody else, and is changed in place. */
function unmarked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = unmarked(value[at]);
    return value;
  }
  const own = value as Plain;
  for (const key of Object.keys(own)) {
    const each = own[key];
    if (typeof each === 'object') own[key] = unmarked(each);
  }
  if (!Object.hasOwn(own, KIND)) return own;
  const of = own.of as never;
  switch (own[KIND]) {
    case 'map':
      return new Map(of);
    case 'set':
      return new Set(of);
    default:
      return Buffer.from(of, 'base64');
  }
}
