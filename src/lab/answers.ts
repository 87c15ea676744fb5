// What is to be said and done, in order, as bytes: the way from a decision to the sockets, for every kind of keeper.

import { type Action, type Mouth, overOf, type Path, type Transport } from '../protocols/shapes.ts';
import { Writer } from '../wire/fields.ts';
import type { Wire } from '../wire/wire.ts';

export type Outgoing<D> =
  | { to: Path | readonly Path[]; bytes: Buffer }
  | { to: Path; hangUp: true }
  | { to: Path; does: D };

/** Answers that wait until they may leave. What is said on a stream in one turn becomes one write. */
export class Answers<M, D> {
  /** Bytes that wait. */
  bytes = 0;
  private readonly wire: Pick<Wire<M>, 'write'>;
  private readonly transport: Transport;
  private readonly writer = new Writer(65_536);
  /** To whom the bytes now in the writer belong. */
  private speakingTo: Path | readonly Path[] | undefined;
  private outgoing: Outgoing<D>[] = [];

  constructor(wire: Pick<Wire<M>, 'write'>, transport: Transport) {
    this.wire = wire;
    this.transport = transport;
  }

  get waiting(): number {
    return this.outgoing.length;
  }

  plan(action: Action<M, D>): void {
    if (action.to !== this.speakingTo) this.cut();
    this.speakingTo = action.to;
    if (!('say' in action)) {
      this.cut();
      this.outgoing.push(action);
      return;
    }
    this.wire.write(this.writer, action.say);
    const { to } = action;
    // An empty datagram is one too, and no two of them are one.
    if (typeof to === 'string' && overOf(to, this.transport) === 'udp')
      this.outgoing.push({ to, bytes: this.writer.take() });
  }

  /** A message as bytes, for whoever lets it out at once. */
  written(message: M): Buffer {
    this.cut();
    this.wire.write(this.writer, message);
    return this.writer.take();
  }

  /** The turn is over: what is said to the same peer after this is a write of its own. */
  endTurn(): void {
    this.cut();
    this.speakingTo = undefined;
  }

  /** Hands over all that waits. */
  ready(): Outgoing<D>[] {
    const ready = this.outgoing;
    this.outgoing = [];
    this.bytes = 0;
    return ready;
  }

  /** Puts what the writer holds into the queue. */
  private cut(): void {
    if (this.writer.length === 0 || this.speakingTo === undefined) return;
    this.bytes += this.writer.length;
    this.outgoing.push({ to: this.speakingTo, bytes: this.writer.take() });
  }
}

/** Lets one of them out. */
export function act<D>(each: Outgoing<D>, mouth: Mouth<D> | undefined): void {
  if ('hangUp' in each) mouth?.hangUp(each.to);
  else if ('does' in each) mouth?.does?.(each.to, each.does);
  else if (typeof each.to === 'string') mouth?.say(each.to, each.bytes);
  else for (const to of each.to) mouth?.say(to, each.bytes);
}
