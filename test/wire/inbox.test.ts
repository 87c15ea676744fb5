// A stream is not a sequence of messages until somebody frames it: wherever it is cut, the same messages come out.

import { describe, expect, test } from 'vitest';
import { type Spec, WireError } from '../../src/wire/fields.ts';
import { decode, encode, Inbox, type Wire } from '../../src/wire/wire.ts';

/** The smallest framed protocol: a length of 0 to 9, then as many bytes, none of which may be 0xff. */
const LENGTH: Spec<number> = { id: 'length', label: 'Length' };
const BYTE: Spec<number> = { id: 'byte', label: 'Byte' };
const toy: Wire<string> = {
  longest: 10,
  frame(bytes, start) {
    const length = bytes[start];
    if (length === undefined) return undefined;
    if (length > 9) throw new WireError(`${length} is too long`, 0);
    return 1 + length;
  },
  read(reader) {
    const length = reader.u8(LENGTH);
    let text = '';
    for (let nth = 0; nth < length; nth++) {
      const byte = reader.u8(BYTE);
      if (byte === 0xff) reader.wrong('0xff is never said');
      text += String.fromCharCode(byte);
    }
    return text;
  },
  write(writer, text) {
    writer.u8(text.length);
    writer.raw(Buffer.from(text, 'latin1'));
  },
  kind: () => 'TOY',
  says: (text) => text,
  leans: () => [],
};

const WORDS = ['one', '', 'three', 'ninebytes', 'x', 'end'];
const STREAM = Buffer.concat(WORDS.map((word) => encode(toy, word)));

/** All that comes out of an inbox, chunk by chunk. Keeping its promise about memory is checked on the way. */
function fed(chunks: Buffer[]): { messages: string[]; error: WireError | undefined; kept: number } {
  const inbox = new Inbox(toy, 'client');
  const messages: string[] = [];
  let error: WireError | undefined;
  for (const chunk of chunks) {
    const result = inbox.push(chunk);
    messages.push(...result.messages);
    error ??= result.error;
    expect(inbox.kept, 'bytes kept').toBeLessThan(toy.longest);
  }
  return { messages, error, kept: inbox.kept };
}

describe('an inbox', () => {
  test('gives the same messages wherever the stream is cut in two', () => {
    for (let cut = 0; cut <= STREAM.length; cut++)
      expect(fed([STREAM.subarray(0, cut), STREAM.subarray(cut)]), `cut at ${cut}`).toEqual({
        messages: WORDS,
        error: undefined,
        kept: 0,
      });
  });

  test('gives the same messages wherever it is cut in three', () => {
    for (let one = 0; one <= STREAM.length; one++)
      for (let two = one; two <= STREAM.length; two++) {
        const chunks = [STREAM.subarray(0, one), STREAM.subarray(one, two), STREAM.subarray(two)];
        expect(fed(chunks).messages, `cut at ${one} and ${two}`).toEqual(WORDS);
      }
  });

  test('gives the same messages one byte at a time, each as soon as its last byte is here', () => {
    const inbox = new Inbox(toy, 'client');
    const when: [number, string][] = [];
    STREAM.forEach((byte, at) => {
      for (const message of inbox.push(Buffer.from([byte])).messages) when.push([at, message]);
    });
    const lastByteOf = (nth: number) => WORDS.slice(0, nth + 1).reduce((sum, word) => sum + 1 + word.length, -1);
    expect(when).toEqual(WORDS.map((word, nth) => [lastByteOf(nth), word]));
  });

  test('takes 500 messages out of one chunk, and an empty chunk for nothing', () => {
    const words = Array.from({ length: 500 }, (_, nth) => String(nth));
    const chunk = Buffer.concat(words.map((word) => encode(toy, word)));
    expect(fed([Buffer.alloc(0), chunk, Buffer.alloc(0)])).toEqual({ messages: words, error: undefined, kept: 0 });
  });

  test('keeps a begun message, however much came before it in the same chunk', () => {
    const inbox = new Inbox(toy, 'client');
    expect(inbox.push(Buffer.concat([STREAM, Buffer.from([5, 0x61])])).messages).toEqual(WORDS);
    expect(inbox.kept).toBe(2);
    expect(inbox.push(Buffer.from('bcde')).messages).toEqual(['abcde']);
    expect(inbox.kept).toBe(0);
  });

  test('what it keeps is its own: the chunk may be used again for something else', () => {
    const inbox = new Inbox(toy, 'client');
    const chunk = Buffer.from([3, 0x61, 0x62]);
    inbox.push(chunk);
    chunk.fill(0);
    expect(inbox.push(Buffer.from('c')).messages).toEqual(['abc']);
  });

  test('returns the messages before an error beside it, wherever the stream is cut', () => {
    const bytes = Buffer.concat([STREAM, Buffer.from([2, 0x61, 0xff]), STREAM]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { messages, error, kept } = fed([bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect(messages, `cut at ${cut}`).toEqual(WORDS);
      expect(error?.at, 'the offset in the message, not in the stream').toBe(2);
      expect(kept, 'nobody will ever ask for the rest').toBe(0);
    }
  });

  test('refuses a length that no message has from the header alone, without waiting for the rest', () => {
    const { messages, error } = fed([Buffer.from([3, 0x61, 0x62, 0x63]), Buffer.from([10])]);
    expect(messages).toEqual(['abc']);
    expect(error).toMatchObject({ at: 0, message: '10 is too long (byte 0)' });
  });

  test('reads no message after an error: where one would begin is unknown', () => {
    const inbox = new Inbox(toy, 'client');
    expect(inbox.push(Buffer.from([200])).error).toBeInstanceOf(WireError);
    // Well-formed by itself, but nobody can know that it was meant as a message.
    expect(inbox.push(encode(toy, 'hello'))).toEqual({ messages: [] });
    expect(inbox.kept).toBe(0);
  });

  test('a fault of ours is no fault of the peer: it is thrown as it is', () => {
    const faulty: Wire<string> = {
      ...toy,
      read: () => {
        throw new TypeError('our own fault');
      },
    };
    expect(() => new Inbox(faulty, 'client').push(STREAM)).toThrow(TypeError);
  });
});

describe('one message alone', () => {
  test('is read back from what was written', () => {
    for (const word of WORDS) expect(decode(toy, encode(toy, word), 'client')).toBe(word);
  });

  test('is refused with bytes too many or too few', () => {
    expect(() => decode(toy, Buffer.from([1, 0x61, 0x62]), 'client')).toThrow('1 bytes too many (byte 2)');
    expect(() => decode(toy, Buffer.from([2, 0x61]), 'client')).toThrow('Byte needs 1 bytes and 0 are left (byte 2)');
  });
});
