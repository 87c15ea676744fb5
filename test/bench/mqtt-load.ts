// The load for brokers, in a process of its own: bytes prepared before, frames counted by their length, no parser. It must be
// faster than whoever it measures. MQTT 3.1.1, since not every contender speaks 5.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import mqtt from 'mqtt-packet';

export interface Load {
  port: number;
  publishers: number;
  subscribers: number;
  qos: 0 | 1;
  /** Messages that each publisher has in flight: not yet acknowledged, or not yet come to every subscriber. */
  inFlight: number;
  /** How long to go on saying new things, in milliseconds. */
  time: number;
  /** A broker that loses messages without being killed is not waited for: what has come by then counts. */
  loses?: boolean;
}

export type Told = { rate: number } | { error: string };

/** Bytes of one payload, and of the whole PUBLISH: short enough for one byte of remaining length. */
const PAYLOAD = 64;
const TOPIC = 'b/1';
/** Nothing came for so long: something was lost, and would be waited for for ever. In milliseconds; and where losses are known. */
const LOST = 5_000;
const LOST_AGAIN = 1500;
const IDS = 65_535;
/** Messages on their way to a subscriber beyond which nobody says anything new: queues have bounds, and what they drop never comes. */
const AHEAD = 500;

/** A socket that hands its bytes to whoever listens at the moment, without a buffer of its own for each. */
interface Ear {
  socket: Socket;
  hear: (bytes: Buffer) => void;
}

async function ear(port: number): Promise<Ear> {
  const it: Ear = { socket: undefined as unknown as Socket, hear: () => {} };
  const options = {
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(65_536),
      callback(length: number, buffer: Uint8Array) {
        it.hear(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        return true;
      },
    },
  };
  it.socket = connect(options);
  await once(it.socket, 'connect');
  return it;
}

/** Asks, and resolves when as many bytes as the answer has are there. */
function ask(it: Ear, packet: mqtt.Packet, answer: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = 0;
    it.hear = (bytes) => {
      heard += bytes.length;
      if (heard >= answer) resolve();
    };
    it.socket.once('error', reject);
    it.socket.write(mqtt.generate(packet));
  });
}

async function client(port: number, clientId: string, clean: boolean): Promise<Ear> {
  const it = await ear(port);
  await ask(it, { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean, keepalive: 0 }, 4);
  return it;
}

/** `count` PUBLISH packets one behind the other, with ids from 1 where they have some. */
function prepared(qos: 0 | 1, count: number): { bytes: Buffer; size: number } {
  const one = (messageId: number) =>
    mqtt.generate({
      ...{ cmd: 'publish', topic: TOPIC, payload: Buffer.alloc(PAYLOAD, 0x61), qos, dup: false, retain: false },
      messageId,
    });
  const { length: size } = one(1);
  return { bytes: Buffer.concat(Array.from({ length: count }, (_none, nth) => one(nth + 1))), size };
}

const batches = { 0: prepared(0, 4096), 1: prepared(1, IDS) };

/** Resolves to messages per second, each counted once, however many subscribers it has gone to. */
async function run({ port, publishers, subscribers, qos, inFlight, time, loses = false }: Load): Promise<number> {
  const name = (kind: string, nth: number) => `load-${kind}-${nth}`;
  const ears: Ear[] = [];
  for (let nth = 0; nth < subscribers; nth++) {
    const it = await client(port, name('sub', nth), qos === 0);
    await ask(it, { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos }] }, 5);
    ears.push(it);
  }
  const mouths: Ear[] = [];
  for (let nth = 0; nth < publishers; nth++) mouths.push(await client(port, name('pub', nth), true));

  const { bytes: batch, size } = batches[qos];
  const slots = batch.length / size;
  let sent = 0;
  let acknowledged = 0;
  let received = 0;
  let over = false;
  let last = performance.now();
  let finished = () => {};
  const done = new Promise<void>((resolve) => {
    finished = resolve;
  });
  const came = () => {
    if (over && received >= sent * subscribers && (qos === 0 || acknowledged >= sent)) finished();
  };

  const begun = performance.now();
  const begin: (() => void)[] = [];
  /** Publishers that wait until more has come. */
  const held = new Set<() => void>();
  for (const mouth of mouths) {
    let at = 0;
    let own = 0;
    let acks = 0;
    const say = (count: number) => {
      own += count;
      sent += count;
      while (count > 0) {
        const now = Math.min(count, slots - at);
        mouth.socket.write(batch.subarray(at * size, (at + now) * size));
        at = (at + now) % slots;
        count -= now;
      }
    };
    /** What is said is gone from here when it is acknowledged and has come to everybody. */
    const fill = () => {
      if (over) return;
      if (publishers > 1 && sent - received / subscribers >= AHEAD) {
        held.add(fill);
        return;
      }
      // Whose message it was that came is only known where there is one publisher; of several, each waits for its PUBACK.
      const through =
        publishers > 1 || loses ? acks : Math.min(qos === 0 ? own : acks, Math.floor(received / subscribers));
      // In halves of what may be in flight, as a client does that is not called for each packet.
      const room = inFlight - (own - through);
      if (room >= inFlight / 2) say(room);
    };
    begin.push(fill);
    let bytes = 0;
    mouth.hear = (chunk) => {
      bytes += chunk.length;
      acknowledged += Math.floor(bytes / 4) - acks;
      acks = Math.floor(bytes / 4);
      fill();
      came();
    };
  }
  const [fillFirst] = begin;
  for (const it of ears) it.hear = qos === 0 ? counting() : acknowledging(it.socket);

  function counting() {
    let bytes = 0;
    return (chunk: Buffer) => {
      const before = Math.floor(bytes / size);
      bytes += chunk.length;
      heard(Math.floor(bytes / size) - before);
    };
  }

  function acknowledging(socket: Socket) {
    /** Where in a frame the packet id stands. */
    const place = 4 + TOPIC.length;
    /** Bytes of a frame that has only come in part, and its id as far as it is known. */
    let within = 0;
    let high = 0;
    let low = 0;
    return (chunk: Buffer) => {
      const count = Math.floor((within + chunk.length) / size);
      const acks = Buffer.allocUnsafe(4 * count);
      let out = 0;
      let start = -within;
      for (; start + size <= chunk.length; start += size) {
        if (start + place >= 0) high = chunk[start + place] as number;
        if (start + place + 1 >= 0) low = chunk[start + place + 1] as number;
        acks[out++] = 0x40;
        acks[out++] = 2;
        acks[out++] = high;
        acks[out++] = low;
      }
      within = chunk.length - start;
      if (within > place && start + place >= 0) high = chunk[start + place] as number;
      if (within > place + 1 && start + place + 1 >= 0) low = chunk[start + place + 1] as number;
      if (count > 0) socket.write(acks);
      heard(count);
    };
  }

  function heard(count: number): void {
    received += count;
    last = performance.now();
    if (publishers === 1) fillFirst?.();
    if (held.size > 0 && sent - received / subscribers < AHEAD) {
      const all = [...held];
      held.clear();
      for (const fill of all) fill();
    }
    came();
  }

  let failed: Error | undefined;
  const watch = setInterval(() => {
    if (performance.now() - last < (loses ? LOST_AGAIN : LOST)) return;
    if (loses) return finished();
    failed = new Error(
      `${sent} messages were sent, ${acknowledged} acknowledged, ${received} of ${sent * subscribers} came`,
    );
    finished();
  }, 100);
  const timer = setTimeout(() => {
    over = true;
    came();
  }, time);
  for (const fill of begin) fill();
  await done;
  // The silence at the end is no work; a broker that has said nothing at all has had its time.
  const took = loses ? Math.max(last - begun, time) : performance.now() - begun;
  clearInterval(watch);
  clearTimeout(timer);

  await Promise.all([...mouths, ...ears].map((each) => goodBye(each)));
  if (qos > 0) for (let nth = 0; nth < subscribers; nth++) await goodBye(await client(port, name('sub', nth), true));
  if (failed) throw failed;
  return ((loses ? received / subscribers : sent) * 1000) / took;
}

async function goodBye(it: Ear): Promise<void> {
  const { socket } = it;
  // Whoever loses messages may still send some.
  it.hear = () => {};
  const closed = once(socket, 'close');
  socket.resume();
  socket.end(mqtt.generate({ cmd: 'disconnect' }));
  await closed;
}

process.on('disconnect', () => process.exit(0));
process.on('message', (load: Load) => {
  run(load).then(
    (rate) => process.send?.({ rate } satisfies Told),
    (error: Error) => process.send?.({ error: error.message } satisfies Told),
  );
});
process.send?.('ready');
