// The one door from the wire to a terminal: control characters are drawn, never obeyed.

/** C0, DEL and C1 controls, bidirectional and zero-width marks, line separators, and halves of broken surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters that must not get through
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}|[\u{e0000}-\u{e007f}]/gu;

/** Draws every character that a terminal would obey or hide: `\x1b`, `\u{202e}`. Also cuts at `most` characters. */
export function printable(text: string, most = 512): string {
  const cut = text.length > most ? text.slice(0, most) : text;
  const drawn = cut.replace(/\\/g, '\\\\').replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
  return text.length > most ? `${drawn}… (${text.length - most} more)` : drawn;
}

/** Bytes as quoted text where they are valid UTF-8, byte by byte where they are not. */
export function quoted(bytes: Buffer, most = 512): string {
  const text = bytes.subarray(0, most).toString('utf8');
  const isText = !text.includes('\ufffd');
  const drawn = isText
    ? printable(text, most)
    : Array.from(bytes.subarray(0, most), (byte) => byteDrawn(byte)).join('');
  const more = bytes.length > most ? `… (${bytes.length - most} more)` : '';
  return `"${drawn}${more}"`;
}

function byteDrawn(byte: number): string {
  if (byte === 0x5c) return '\\\\';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** JSON that is safe to print: also escapes what `JSON.stringify` lets through and a terminal or a script would obey. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
