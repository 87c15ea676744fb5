// A server that says what a test tells it to, right or wrong, to a real client on a real connection.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Message, wire } from '../../../src/protocols/tcp-session/wire.ts';
import { encode, Inbox } from '../../../src/wire/wire.ts';

/** A row of things that are waited for, in the order in which they come. */
class Queue<T> {
  private readonly here: T[] = [];
  private readonly wanted: ((each: T) => void)[] = [];

  put(each: T): void {
    const first = this.wanted.shift();
    if (first) first(each);
    else this.here.push(each);
  }

  next(): Promise<T> {
    const first = this.here.shift();
    return first === undefined ? new Promise((resolve) => this.wanted.push(resolve)) : Promise.resolve(first);
  }
}

/** One connection, seen from the server's end. */
export class Line {
  private readonly heard = new Queue<Message | 'gone'>();
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    const inbox = new Inbox(wire, 'client');
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) this.heard.put(message);
      if (error) throw error;
    });
    socket.on('error', () => {});
    socket.on('close', () => this.heard.put('gone'));
  }

  /** What the client says next, or `gone` when it has left. */
  hears(): Promise<Message | 'gone'> {
    return this.heard.next();
  }

  says(...messages: Message[]): void {
    this.sends(Buffer.concat(messages.map((message) => encode(wire, message))));
  }

  /** Any bytes at all. */
  sends(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The same, one byte at a time, each in a packet of its own as far as that can be had. */
  async drips(...messages: Message[]): Promise<void> {
    for (const byte of Buffer.concat(messages.map((message) => encode(wire, message)))) {
      await new Promise((written) => this.socket.write(Buffer.from([byte]), written));
      await new Promise(setImmediate);
    }
  }

  async ends(lastBytes = Buffer.alloc(0)): Promise<void> {
    const closed = once(this.socket, 'close');
    this.socket.end(lastBytes);
    await closed;
  }

  resets(): void {
    this.socket.resetAndDestroy();
  }
}

export class FakeServer {
  private readonly server: Server;
  private readonly lines = new Queue<Line>();
  private readonly sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.server = server;
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.setNoDelay().on('close', () => this.sockets.delete(socket));
      this.lines.put(new Line(socket));
    });
  }

  static async listen(): Promise<FakeServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeServer(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The next connection. */
  accepts(): Promise<Line> {
    return this.lines.next();
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
