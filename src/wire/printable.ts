// The one door from the wire to a terminal: control characters are drawn, never obeyed.

/** C0, DEL and C1 controls, bidirectional and zero-width marks, line separators, and halves of broken surrogate pairs. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters that must not get through
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}|[\u{e0000}-\u{e007f}]/gu;

/** Draws every character that a terminal would obey or hide: `\x1b`, `\u{202e}`. Also cuts at `most` characters. */
export function printable(text: string, most = 512): string {
  const cut = text.length > most ? text.slice(0, most) : text;
  const shown = drawn(cut.replace(/\\/g, '\\\\'));
  return text.length > most ? `${shown}… (${text.length - most} more)` : shown;
}

/** Only the unsafe characters drawn, and the text otherwise as it is. */
export function drawn(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Bytes as quoted text where they are valid UTF-8, byte by byte where they are not. */
export function quoted(bytes: Buffer, most = 512): string {
  const text = bytes.subarray(0, wholeCharacters(bytes, most));
  const isText = !text.toString('utf8').includes('\ufffd');
  const shown = isText ? text : bytes.subarray(0, most);
  const drawn = isText ? printable(text.toString('utf8'), most) : Array.from(shown, byteDrawn).join('');
  const more = bytes.length > shown.length ? `… (${bytes.length - shown.length} more)` : '';
  return `"${drawn}${more}"`;
}

/** Where to cut so that a character of UTF-8 at the cap is left out whole, not shown by half. It has four bytes at most. */
function wholeCharacters(bytes: Buffer, most: number): number {
  const cap = Math.min(most, bytes.length);
  for (let start = cap; start >= 0 && start > cap - 4; start--) if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start;
  return cap;
}

function byteDrawn(byte: number): string {
  if (byte === 0x5c) return '\\\\';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** JSON that is safe to print: also escapes what `JSON.stringify` lets through and a terminal or a script would obey. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu,
    // JSON knows characters beyond U+FFFF only as the two halves that JavaScript keeps them in.
    (character) => Array.from({ length: character.length }, (_, half) => escaped(character.charCodeAt(half))).join(''),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
