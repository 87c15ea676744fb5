// A state as text and back. States are plain data in Maps and Sets, so JSON needs only to be told of those.

/** Marks a container that JSON does not know. A state that uses it as a key of its own cannot be told apart, and is refused. */
const KIND = '$kind';

export function encodeState(state: unknown): string {
  const marks = new WeakSet<object>();
  const marked = (kind: string, of: unknown) => {
    const mark = { [KIND]: kind, of };
    marks.add(mark);
    return mark;
  };
  return JSON.stringify(state, function (this: Record<string, unknown>, key) {
    // A Buffer's `toJSON` has been applied to the second argument already; the holder has the value as it is.
    const value = this[key];
    if (value instanceof Map) return marked('map', [...value]);
    if (value instanceof Set) return marked('set', [...value]);
    if (value instanceof Uint8Array) return marked('bytes', Buffer.from(value).toString('base64'));
    if (key === KIND && !marks.has(this)) throw new Error(`a state cannot have a key named ${KIND}`);
    return value;
  });
}

export function decodeState<S>(text: string): S {
  return JSON.parse(text, (_key, value) => {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, KIND)) return value;
    const { of } = value as { of: never };
    switch ((value as Record<string, unknown>)[KIND]) {
      case 'map':
        return new Map(of);
      case 'set':
        return new Set(of);
      default:
        return Buffer.from(of, 'base64');
    }
  }) as S;
}
