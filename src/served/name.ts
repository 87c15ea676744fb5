// Domain names as the wire has them: labels, each behind its length, up to the empty label of the root (RFC 1035 §3.1).

/**
 * Bytes in a string, one character a byte. A zone keeps millions of short runs of bytes: as a string four of them take 24 bytes of
 * memory, as a Buffer about 200, and a string can be the key of a Map.
 */
export type Bytes = string;

/** A name in wire format: `\x03www\x07example\x04test\0`. */
export type Name = Bytes;

export const ROOT: Name = '\0';
/** What the first label of a wildcard is (RFC 4592 §2.1.1). */
export const ASTERISK: Bytes = '\x01*';

/** Longest label and longest name in bytes, lengths and root included (RFC 1035 §2.3.4). */
export const LABEL = 63;
export const NAME = 255;

/** The name without its first label. The root has no parent: do not ask. */
export function parentOf(name: Name): Name {
  return name.slice(1 + name.charCodeAt(0));
}

/**
 * The form in which two names are the same: A to Z as a to z and no other letter changed (RFC 4343 §3). The lengths of labels are
 * below `A`, so they stay what they are.
 */
export function lower(name: Name): Name {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : name;
}

/** Where the name that begins at `start` ends, or undefined when no whole uncompressed name stands there. */
export function nameEnd(bytes: Bytes, start: number): number | undefined {
  let at = start;
  while (at < bytes.length) {
    const length = bytes.charCodeAt(at);
    if (length > LABEL) return undefined;
    at += 1 + length;
    if (at - start > NAME) return undefined;
    if (length === 0) return at;
  }
  return undefined;
}

/** The name as a master file has it, absolute: `www.example.test.`, with `\.` and `\DDD` where a byte would not speak for itself. */
export function nameText(name: Name): string {
  if (name === ROOT) return '.';
  let text = '';
  for (let at = 0; name.charCodeAt(at) !== 0; at += 1 + name.charCodeAt(at)) {
    const label = name.slice(at + 1, at + 1 + name.charCodeAt(at));
    text += `${label.replace(/./gs, escaped)}.`;
  }
  return text;
}

function escaped(character: string): string {
  const byte = character.charCodeAt(0);
  if (byte < 0x21 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`;
  return '.;\\"()@$'.includes(character) ? `\\${character}` : character;
}
