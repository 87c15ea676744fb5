// Files over real sockets: whole, in both types, to peers that are slow, rude or gone, and stopped at every stage.

import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { generate } from 'selfsigned';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import {
  type Folder,
  FolderError,
  type FolderOptions,
  openFolder,
  type Source,
  type Upload,
} from '../../src/served/folder.ts';
import { fromNetwork, receiveFile, sendFile, sendText, toNetwork } from '../../src/served/transfer.ts';
import { openFilesBelow } from './open-files.ts';

/** Both ends of a connection, each as its program has it. */
interface Pair {
  ours: Socket;
  theirs: Socket;
}

async function pair(): Promise<Pair> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const theirs = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  const [[ours]] = (await Promise.all([once(server, 'connection'), once(theirs, 'connect')])) as [[Socket], unknown];
  server.close();
  onTestFinished(() => {
    ours.destroy();
    theirs.destroy();
  });
  return { ours, theirs };
}

async function tlsPair(): Promise<Pair> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
  const server = createTlsServer({ key, cert }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const theirs = tlsConnect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
  });
  theirs.on('error', () => {});
  const [[ours]] = (await Promise.all([once(server, 'secureConnection'), once(theirs, 'secureConnect')])) as [
    [TLSSocket],
    unknown,
  ];
  server.close();
  onTestFinished(() => {
    ours.destroy();
    theirs.destroy();
  });
  return { ours, theirs };
}

/** All that a peer hears, and how it ends for it. */
async function hear(socket: Socket): Promise<{ bytes: Buffer; end: 'fin' | 'reset' }> {
  const chunks: Buffer[] = [];
  let end: 'fin' | 'reset' = 'reset';
  socket.allowHalfOpen = true;
  socket.on('data', (chunk) => chunks.push(chunk));
  // What libuv calls an end may have been a reset, which came together with bytes: then not even nothing can be sent.
  socket.on('end', () =>
    socket.write('', (error) => {
      if (!error) end = 'fin';
      socket.end();
    }),
  );
  await closed(socket);
  return { bytes: Buffer.concat(chunks), end };
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** Bytes of which no two stretches are the same. */
function bytes(length: number): Buffer {
  const made = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) made.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
  return made;
}

async function served(options?: FolderOptions): Promise<{ folder: Folder; root: string }> {
  const { path, remove } = temporaryFolder();
  onTestFinished(async () => {
    const open = openFilesBelow(path);
    await remove();
    expect(open).toEqual([]);
  });
  return { folder: await openFolder(path, options), root: path };
}

/** A file of `content`, open for reading. */
async function source(content: Buffer, offset?: number): Promise<Source> {
  const { folder, root } = await served();
  writeFileSync(join(root, 'file'), content);
  return folder.read('/file', offset);
}

/** A file that is made as it is read: `read` says how. It tells how much was read, and whether it was closed. */
function made(size: number, read: Source['read'] = async (into) => into.length) {
  const told = { read: 0, closed: 0 };
  const from: Source = {
    entry: { kind: 'file', name: 'made', path: '/made', size, mtime: 0, id: '' },
    offset: 0,
    async read(into, position) {
      const got = await read(into, position);
      told.read += got;
      return got;
    },
    async close() {
      told.closed++;
    },
  };
  return { from, told };
}

const reason = (kind: string) => ({ name: 'TransferError', kind });

describe('sending a file', () => {
  test.each([0, 1, 16383, 16384, 16385, 49153, 102_400, (5 << 20) + 7])('%d bytes arrive as they are', async (size) => {
    const { ours, theirs } = await pair();
    const content = bytes(size);
    const heard = hear(theirs);
    const progress: number[] = [];
    expect(await sendFile(await source(content), ours, { progress: (count) => progress.push(count) })).toBe(size);
    const { bytes: got, end } = await heard;
    expect(got.equals(content)).toBe(true);
    expect(end).toBe('fin');
    expect(progress.at(-1) ?? 0).toBe(size);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test('the chunks of a small file can be told apart, and a large one goes in large ones', async () => {
    const sizes = async (length: number) => {
      const { ours, theirs } = await pair();
      const seen: number[] = [];
      const { write } = ours;
      ours.write = ((chunk: Buffer, ...rest: []) => {
        seen.push(chunk.length);
        return write.call(ours, chunk, ...rest);
      }) as typeof ours.write;
      theirs.resume();
      await sendFile(made(length).from, ours);
      return seen.map((size) => size / 1024);
    };
    expect(await sizes(100 << 10)).toEqual([16, 32, 52]);
    expect(await sizes(5 << 20)).toEqual([16, 32, 64, 128, 256, 512, 1024, 1024, 1024, 1024, 16]);
  });

  test.each([0, 1, 70_000, 102_399, 102_400])('from offset %d', async (offset) => {
    const { ours, theirs } = await pair();
    const content = bytes(102_400);
    const heard = hear(theirs);
    await sendFile(await source(content, offset), ours);
    expect((await heard).bytes.equals(content.subarray(offset))).toBe(true);
  });

  test('to a reader that takes its time, no byte is overtaken by a later one', async () => {
    const { ours, theirs } = await pair();
    const content = bytes(24 << 20);
    const heard = hear(theirs.pause());
    theirs.pause();
    const sending = sendFile(await source(content), ours);
    const slowly = setInterval(() => {
      theirs.resume();
      setImmediate(() => theirs.pause());
    }, 1);
    await sending;
    clearInterval(slowly);
    theirs.resume();
    expect((await heard).bytes.equals(content)).toBe(true);
  });

  test('a peer that has ended its own side still gets all of it', async () => {
    const { ours, theirs } = await pair();
    theirs.allowHalfOpen = true;
    theirs.end();
    // Read to its end by us, as a server may have done that was not sure yet what the connection is for.
    ours.allowHalfOpen = true;
    await once(ours.resume(), 'end');
    const content = bytes(3 << 20);
    const heard = hear(theirs);
    await sendFile(await source(content), ours);
    expect((await heard).bytes.equals(content)).toBe(true);
  });

  test('reads no more than is on its way, and gives up when nothing moves', async () => {
    const { ours, theirs } = await pair();
    theirs.pause();
    const { from, told } = made(1 << 30);
    await expect(sendFile(from, ours, { stall: 100 })).rejects.toMatchObject(reason('stalled'));
    // The kernels at both ends took some MiB.
    expect(told.read).toBeLessThan(32 << 20);
    expect(told.closed).toBe(1);
    expect((await hear(theirs.resume())).end).toBe('reset');
  });

  test('a slow reader is no stalled one', async () => {
    const { ours, theirs } = await pair();
    const step = 128 << 10;
    let left = 0;
    theirs.on('data', (chunk) => {
      left -= chunk.length;
      if (left <= 0) theirs.pause();
    });
    theirs.pause();
    const total = 12 << 20;
    const sending = sendFile(made(total).from, ours, { stall: 1_000 });
    // Each chunk is under way for longer than that in the end, but some of it moves all the time.
    const slowly = setInterval(() => {
      left = step;
      theirs.resume();
    }, 40);
    expect(await sending).toBe(total);
    clearInterval(slowly);
  });

  test('the connection is lost: reset', async () => {
    const { ours, theirs } = await pair();
    const { from, told } = made(1 << 30);
    theirs.once('data', () => theirs.resetAndDestroy());
    await expect(sendFile(from, ours)).rejects.toMatchObject(reason('reset'));
    expect(told.closed).toBe(1);
  });

  test('the connection was lost before it began', async () => {
    const { ours, theirs } = await pair();
    theirs.resume();
    ours.destroy();
    const { from, told } = made(1 << 20);
    await expect(sendFile(from, ours)).rejects.toMatchObject(reason('reset'));
    const other = await pair();
    other.ours.destroy();
    await expect(sendFile(made(0).from, other.ours)).rejects.toMatchObject(reason('reset'));
    expect(told).toEqual({ read: 0, closed: 1 });
  });

  test('the file cannot be read, or has become shorter: the peer must not take it for whole', async () => {
    for (const [read, kind] of [
      [() => Promise.reject(new FolderError('other')), 'other'],
      [async (into: Buffer, position: number) => (position < 100_000 ? Math.min(into.length, 30_000) : 0), 'beyond'],
    ] as const) {
      const { ours, theirs } = await pair();
      const heard = hear(theirs);
      const { from, told } = made(1 << 20, read);
      await expect(sendFile(from, ours)).rejects.toMatchObject({ name: 'FolderError', kind });
      expect(told.closed).toBe(1);
      expect((await heard).end).toBe('reset');
    }
  });

  test('a file that grows is sent as far as it went when it was opened', async () => {
    const { folder, root } = await served();
    writeFileSync(join(root, 'file'), 'twelve bytes');
    const from = await folder.read('/file');
    writeFileSync(join(root, 'file'), 'twelve bytes and more');
    const { ours, theirs } = await pair();
    const heard = hear(theirs);
    expect(await sendFile(from, ours)).toBe(12);
    expect((await heard).bytes.toString()).toBe('twelve bytes');
  });

  describe('is aborted', () => {
    const aborted = reason('aborted');

    test('before it begins: nothing is read', async () => {
      const { ours, theirs } = await pair();
      const { from, told } = made(1 << 20);
      await expect(sendFile(from, ours, { signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
      expect(told).toEqual({ read: 0, closed: 1 });
      expect((await hear(theirs)).bytes).toHaveLength(0);
    });

    test('while the file is read: nothing of that is sent', async () => {
      const { ours, theirs } = await pair();
      const controller = new AbortController();
      const { from, told } = made(1 << 20, async (into) => {
        controller.abort();
        return into.length;
      });
      const heard = hear(theirs);
      await expect(sendFile(from, ours, { signal: controller.signal })).rejects.toMatchObject(aborted);
      // The first piece, of 16 KiB, and the one that is read ahead, of 32.
      expect(told).toEqual({ read: 49_152, closed: 1 });
      expect(await heard).toEqual({ bytes: Buffer.alloc(0), end: 'reset' });
    });

    test('while a write is stuck', async () => {
      const { ours, theirs } = await pair();
      theirs.pause();
      const controller = new AbortController();
      const { from, told } = made(1 << 30);
      const sending = sendFile(from, ours, { signal: controller.signal });
      const outcome = expect(sending).rejects.toMatchObject(aborted);
      for (let before = -1; told.read !== before; ) {
        before = told.read;
        for (let turn = 0; turn < 50; turn++) await nextTurn();
      }
      controller.abort();
      await outcome;
      const { read } = told;
      await nextTurn();
      expect(told).toEqual({ read, closed: 1 });
      expect(ours.destroyed).toBe(true);
    });

    test('when all is written and the end of it is not: it is no file then', async () => {
      const { ours, theirs } = await pair();
      theirs.pause();
      const controller = new AbortController();
      const { end } = ours;
      ours.end = ((done: () => void) => {
        end.call(ours, done as never);
        controller.abort();
        return ours;
      }) as typeof ours.end;
      const { from, told } = made(1 << 10);
      await expect(sendFile(from, ours, { signal: controller.signal })).rejects.toMatchObject(aborted);
      expect(told.closed).toBe(1);
    });

    test('after it is over: no effect', async () => {
      const { ours, theirs } = await pair();
      const controller = new AbortController();
      const heard = hear(theirs);
      await sendFile(made(1 << 10).from, ours, { signal: controller.signal });
      controller.abort();
      expect(await heard).toMatchObject({ end: 'fin' });
    });
  });
});

describe('receiving a file', () => {
  test.each([0, 1, 65_536, (5 << 20) + 7])('%d bytes are kept as they are', async (size) => {
    const { folder, root } = await served();
    const { ours, theirs } = await pair();
    const content = bytes(size);
    const upload = await folder.write('/file');
    theirs.end(content);
    const progress: number[] = [];
    expect(await receiveFile(ours, upload, { progress: (count) => progress.push(count) })).toBe(size);
    await upload.commit();
    expect(readFileSync(join(root, 'file')).equals(content)).toBe(true);
    expect(progress.at(-1) ?? 0).toBe(size);
  });

  test('byte by byte', async () => {
    const { folder, root } = await served();
    const { ours, theirs } = await pair();
    theirs.setNoDelay(true);
    const upload = await folder.write('/file');
    const receiving = receiveFile(ours, upload);
    const content = bytes(300);
    for (const byte of content) await new Promise((sent) => theirs.write(Buffer.of(byte), sent));
    theirs.end();
    expect(await receiving).toBe(300);
    await upload.commit();
    expect(readFileSync(join(root, 'file')).equals(content)).toBe(true);
  });

  test('what arrived before anybody listened is part of it', async () => {
    const { folder } = await served();
    const { ours, theirs } = await pair();
    theirs.end('early');
    await once(theirs.resume(), 'finish');
    while (ours.readableLength === 0) await nextTurn();
    const upload = await folder.write('/file');
    expect(await receiveFile(ours, upload)).toBe(5);
    await upload.commit();
    expect((await folder.stat('/file')).size).toBe(5);
  });

  /** An upload that says what is asked of it, and writes when it is let. */
  function slow(write: (chunks: readonly Buffer[]) => Promise<void>) {
    const told = { aborted: 0, largest: 0 };
    const upload: Upload = {
      path: '/slow',
      start: 0,
      async write(chunks) {
        told.largest = Math.max(
          told.largest,
          chunks.reduce((sum, { length }) => sum + length, 0),
        );
        await write(chunks);
      },
      async commit() {},
      async abort() {
        told.aborted++;
      },
    };
    return { upload, told };
  }

  test('a disk that takes its time: no more is read than may wait, and all of it arrives', async () => {
    const { ours, theirs } = await pair();
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { upload, told } = slow(() => gate);
    const total = 48 << 20;
    const receiving = receiveFile(ours, upload);
    theirs.end(Buffer.alloc(total));
    for (let before = -1; ours.bytesRead !== before || before === 0; ) {
      before = ours.bytesRead;
      for (let turn = 0; turn < 50; turn++) await nextTurn();
    }
    // What is being written, what may wait, and the chunk that was one too many; a socket reads one more when it is told to stop.
    expect(ours.bytesRead).toBeLessThan((4 << 20) + 4 * 65_536);
    open();
    expect(await receiving).toBe(total);
    expect(told.largest).toBeLessThanOrEqual((2 << 20) + 2 * 65_536);
    expect(told.aborted).toBe(0);
  });

  test('nothing arrives for too long: stalled, and nothing is left', async () => {
    const { folder, root } = await served();
    const { ours, theirs } = await pair();
    theirs.write('the beginning, and then nothing');
    await expect(receiveFile(ours, await folder.write('/file'), { stall: 60 })).rejects.toMatchObject(
      reason('stalled'),
    );
    expect(readdirSync(root)).toEqual([]);
    expect((await hear(theirs)).end).toBe('reset');
  });

  test('the connection is lost: nothing is left', async () => {
    const { folder, root } = await served();
    const { ours, theirs } = await pair();
    const receiving = receiveFile(ours, await folder.write('/file'));
    const outcome = expect(receiving).rejects.toMatchObject(reason('reset'));
    theirs.write(bytes(1 << 20), () => theirs.resetAndDestroy());
    await outcome;
    expect(readdirSync(root)).toEqual([]);
  });

  test('the connection is closed by us, with no error of its own', async () => {
    const { folder, root } = await served();
    const { ours, theirs } = await pair();
    const receiving = receiveFile(ours, await folder.write('/file'));
    const outcome = expect(receiving).rejects.toMatchObject(reason('reset'));
    theirs.write('half', () => ours.destroy());
    await outcome;
    expect(readdirSync(root)).toEqual([]);
  });

  test('more than the quota: the peer is cut off, and nothing is left', async () => {
    const { folder, root } = await served({ quota: 1 << 20 });
    const { ours, theirs } = await pair();
    theirs.end(bytes(8 << 20));
    const receiving = receiveFile(ours, await folder.write('/file'));
    await expect(receiving).rejects.toMatchObject({ name: 'FolderError', kind: 'quota' });
    expect(readdirSync(root)).toEqual([]);
    await closed(theirs.resume());
    // And it has all been given back.
    const upload = await folder.write('/file');
    await upload.write([bytes(1 << 20)]);
    await upload.commit();
  });

  test('a full disk', async () => {
    const { ours, theirs } = await pair();
    const { upload, told } = slow(() => Promise.reject(new FolderError('full')));
    theirs.write('something');
    await expect(receiveFile(ours, upload)).rejects.toMatchObject({ name: 'FolderError', kind: 'full' });
    expect(told.aborted).toBe(1);
    expect((await hear(theirs)).end).toBe('reset');
  });

  test('a fault of ours is thrown as it is', async () => {
    const { ours, theirs } = await pair();
    const fault = new TypeError('ours');
    theirs.write('something');
    await expect(receiveFile(ours, slow(() => Promise.reject(fault)).upload)).rejects.toBe(fault);
  });

  describe('is aborted', () => {
    const aborted = reason('aborted');

    test('before it begins, while it waits, and while it writes', async () => {
      const { folder, root } = await served();
      for (const when of ['before', 'waiting', 'writing']) {
        const { ours, theirs } = await pair();
        const controller = new AbortController();
        const upload = await folder.write('/file');
        const abortive: Upload = {
          ...upload,
          async write(chunks) {
            if (when === 'writing') controller.abort();
            await upload.write(chunks);
          },
        };
        if (when === 'before') controller.abort();
        const receiving = receiveFile(ours, abortive, { signal: controller.signal });
        const outcome = expect(receiving, when).rejects.toMatchObject(aborted);
        if (when === 'waiting') controller.abort();
        theirs.write('some bytes');
        await outcome;
        expect(readdirSync(root), when).toEqual([]);
        expect((await hear(theirs)).end, when).toBe('reset');
      }
    });

    test('when all has arrived, and it is only being made sure of that', async () => {
      const { folder, root } = await served();
      const { ours, theirs } = await pair();
      const controller = new AbortController();
      const { write } = ours;
      ours.write = ((...given: Parameters<typeof write>) => {
        const taken = write.apply(ours, given);
        controller.abort();
        return taken;
      }) as typeof write;
      theirs.end('all of it');
      const receiving = receiveFile(ours, await folder.write('/file'), { signal: controller.signal });
      await expect(receiving).rejects.toMatchObject(aborted);
      expect(readdirSync(root)).toEqual([]);
    });

    test('and takes nothing more from the peer', async () => {
      const { ours, theirs } = await pair();
      const controller = new AbortController();
      const { upload, told } = slow(async () => controller.abort());
      theirs.write(Buffer.alloc(8 << 20));
      await expect(receiveFile(ours, upload, { signal: controller.signal })).rejects.toMatchObject(aborted);
      const { bytesRead } = ours;
      for (let turn = 0; turn < 20; turn++) await nextTurn();
      expect(ours.bytesRead).toBe(bytesRead);
      expect(told.aborted).toBe(1);
    });
  });
});

describe('ASCII (RFC 959 §3.1.1.1)', () => {
  const FILES: [file: string, wire: string][] = [
    ['', ''],
    ['\n', '\r\n'],
    ['no end', 'no end'],
    ['one\ntwo\n', 'one\r\ntwo\r\n'],
    ['\n\n\n', '\r\n\r\n\r\n'],
    ['a\rb\r', 'a\rb\r'],
    ['\r\r', '\r\r'],
  ];

  /** Every way to cut a text in two, and byte by byte. */
  function* cuts(text: string): Generator<Buffer[]> {
    const whole = Buffer.from(text);
    for (let at = 0; at <= whole.length; at++) yield [whole.subarray(0, at), whole.subarray(at)];
    yield Array.from(whole, (byte) => Buffer.of(byte));
  }

  test.each(FILES)('%j ends its lines with CR LF on the wire, wherever it is cut', (file, wire) => {
    for (const chunks of cuts(file)) expect(Buffer.concat(chunks.map(toNetwork())).toString()).toBe(wire);
  });

  test.each(FILES)('%j ends its lines with LF in the file, wherever it is cut', (file, wire) => {
    for (const chunks of cuts(wire)) {
      const decode = fromNetwork();
      expect(Buffer.concat([...chunks, undefined].map(decode)).toString()).toBe(file);
    }
  });

  test('what is CR LF in the file already stays so, wherever it is cut', () => {
    for (const chunks of cuts('one\r\ntwo\n\r\n'))
      expect(Buffer.concat(chunks.map(toNetwork())).toString()).toBe('one\r\ntwo\r\n\r\n');
  });

  test('a CR before CR LF stays in the file', () => {
    for (const chunks of cuts('a\r\r\nb\r')) {
      const decode = fromNetwork();
      expect(Buffer.concat([...chunks, undefined].map(decode)).toString()).toBe('a\r\nb\r');
    }
  });

  test('bytes of the other half are as they are', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const wire = toNetwork()(all);
    expect(wire).toHaveLength(257);
    expect(fromNetwork()(wire).equals(all)).toBe(true);
  });

  test('there and back over real sockets; both ends count the bytes of the wire', async () => {
    const { folder, root } = await served();
    const text = Array.from({ length: 20_000 }, (_, line) => `line ${line}${'.'.repeat(line % 61)}\n`).join('');
    writeFileSync(join(root, 'file'), text);
    const { ours, theirs } = await pair();
    const upload = await folder.write('/copy');
    const [sent, received] = await Promise.all([
      sendFile(await folder.read('/file'), ours, { ascii: true }),
      receiveFile(theirs, upload, { ascii: true }),
    ]);
    await upload.commit();
    expect([sent, received]).toEqual([text.length + 20_000, text.length + 20_000]);
    expect(readFileSync(join(root, 'copy'), 'utf8')).toBe(text);
  });

  test('a transfer that begins between CR and LF adds no second CR', async () => {
    for (const [offset, expected] of [
      [1, '\r\nb\r\n'],
      [2, '\nb\r\n'],
      [4, '\r\n'],
    ] as const) {
      const { ours, theirs } = await pair();
      const heard = hear(theirs);
      await sendFile(await source(Buffer.from('a\r\nb\n'), offset), ours, { ascii: true });
      expect((await heard).bytes.toString(), `from ${offset}`).toBe(expected);
    }
  });

  test('a CR that is the last byte of an upload is kept', async () => {
    const { folder, root } = await served();
    const { ours, theirs } = await pair();
    theirs.end('a\r\nb\r');
    const upload = await folder.write('/file');
    expect(await receiveFile(ours, upload, { ascii: true })).toBe(5);
    await upload.commit();
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('a\nb\r');
  });
});

describe('text', () => {
  test('is sent as it is made', async () => {
    const { ours, theirs } = await pair();
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index} é\r\n`);
    const heard = hear(theirs);
    const whole = Buffer.from(lines.join(''));
    expect(await sendText(lines, ours)).toBe(whole.length);
    expect(await heard).toEqual({ bytes: whole, end: 'fin' });
  });

  test('none at all is an end at once', async () => {
    const { ours, theirs } = await pair();
    const heard = hear(theirs);
    expect(await sendText([], ours)).toBe(0);
    expect(await heard).toEqual({ bytes: Buffer.alloc(0), end: 'fin' });
  });

  test('is made no faster than it is read, and its maker is let go', async () => {
    const { ours, theirs } = await pair();
    theirs.pause();
    let madeSoFar = 0;
    let letGo = false;
    async function* endless() {
      try {
        for (;;) {
          madeSoFar += 1024;
          yield 'x'.repeat(1024);
        }
      } finally {
        letGo = true;
      }
    }
    await expect(sendText(endless(), ours, { stall: 100 })).rejects.toMatchObject(reason('stalled'));
    expect(madeSoFar).toBeLessThan(32 << 20);
    expect(letGo).toBe(true);
  });

  test('whose maker fails is cut off, not ended', async () => {
    const { ours, theirs } = await pair();
    const heard = hear(theirs);
    async function* failing() {
      yield 'some lines';
      throw new FolderError('missing');
    }
    await expect(sendText(failing(), ours)).rejects.toMatchObject({ name: 'FolderError', kind: 'missing' });
    expect((await heard).end).toBe('reset');
  });

  test('is aborted between two lines', async () => {
    const { ours, theirs } = await pair();
    theirs.resume();
    const controller = new AbortController();
    let asked = 0;
    async function* lines() {
      yield 'one';
      controller.abort();
      for (; asked < 10; asked++) yield 'more';
    }
    await expect(sendText(lines(), ours, { signal: controller.signal })).rejects.toMatchObject(reason('aborted'));
    expect(asked).toBe(0);
  });
});

describe('over TLS', () => {
  test('there and back', async () => {
    const content = bytes((3 << 20) + 1);
    const { ours, theirs } = await tlsPair();
    const { folder, root } = await served();
    const upload = await folder.write('/file');
    const [sent, received] = await Promise.all([sendFile(await source(content), ours), receiveFile(theirs, upload)]);
    await upload.commit();
    expect([sent, received]).toEqual([content.length, content.length]);
    expect(readFileSync(join(root, 'file')).equals(content)).toBe(true);
  });

  test('a transfer that is stuck can be aborted, and one that stalls aborts itself', async () => {
    for (const kind of ['aborted', 'stalled']) {
      const { ours, theirs } = await tlsPair();
      theirs.pause();
      const { from, told } = made(1 << 30);
      const signal = kind === 'aborted' ? AbortSignal.timeout(100) : undefined;
      const options = signal ? { signal } : { stall: 100 };
      await expect(sendFile(from, ours, options)).rejects.toMatchObject(reason(kind));
      expect(told.read).toBeLessThan(32 << 20);
      expect(told.closed).toBe(1);
    }
  });

  test('the connection is lost', async () => {
    const { ours, theirs } = await tlsPair();
    theirs.once('data', () => theirs.destroy());
    await expect(sendFile(made(1 << 30).from, ours)).rejects.toMatchObject(reason('reset'));
  });
});
