// Bytes with names: the cursor that every protocol reads with. Reading a field names it, so the same walk that parses a
// message also explains it, and the log can never drift from the parser.

/** How one kind of field is called and shown. Declared once, at the top of a protocol's `wire.ts`. */
export interface Spec<V extends string | number | Buffer> {
  /** Short and stable, unique within a message: what notes and tests point at. */
  id: string;
  /** The name the protocol's specification gives it. */
  label: string;
  /** The value in words, where the plain value says too little. */
  show?: (value: V) => string;
  /** One sentence for someone who has never met the protocol. */
  gloss?: (value: V) => string | undefined;
  /** Rolled by dice: two runs with different seeds differ here, and nothing may depend on it. */
  chance?: true;
  /** Never shown: whoever holds this value can act in the client's name. */
  secret?: true;
  /** Its bytes lie under a mask that was rolled by dice; what they mean does not. */
  veiled?: true;
}

/** One named stretch of a message: bytes `[start, end)`, or the bits of one byte under `mask`. */
export interface Field {
  id: string;
  label: string;
  start: number;
  end: number;
  mask?: number;
  value: string | number;
  show: string;
  gloss?: string;
  chance?: true;
  secret?: true;
  veiled?: true;
}

/** The peer sent something that can never become right. `at` is the offset, in the message, of the byte that proves it. */
export class WireError extends Error {
  readonly at: number;
  /** The clause it offends, such as `RFC 862`. */
  readonly cite: string | undefined;
  /** There may be a secret in these bytes, which nobody will be able to tell from the rest. */
  readonly secret: boolean;
  constructor(message: string, at: number, cite?: string, secret = false) {
    super(`${message} (byte ${at})`);
    this.name = 'WireError';
    this.at = at;
    this.cite = cite;
    this.secret = secret;
  }
}

/** A cursor over one message. With `annotate` it also lists what it read as {@link Field}s; without, it allocates nothing. */
export class Reader {
  bytes: Buffer;
  at: number;
  end: number;
  readonly fields: Field[] | undefined;
  private base: number;

  constructor(bytes: Buffer, { start = 0, end = bytes.length, annotate = false } = {}) {
    this.bytes = bytes;
    this.at = start;
    this.base = start;
    this.end = end;
    this.fields = annotate ? [] : undefined;
  }

  /** Points the same cursor at another message, so that a hot loop needs only one. */
  over(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes;
    this.at = start;
    this.base = start;
    this.end = end;
    return this;
  }

  /** Bytes of this message not read yet. */
  get left(): number {
    return this.end - this.at;
  }

  /** The bits of the current byte under `mask`, shifted down. Read from high to low: the part that holds bit 0 moves on. */
  bits(spec: Spec<number>, mask: number): number {
    if (this.at >= this.end) this.cutShort(spec.label, 1);
    const start = this.at;
    const shift = 31 - Math.clz32(mask & -mask);
    const value = (byteAt(this.bytes, start) & mask) >>> shift;
    if (this.fields) this.name(spec, start, start + 1, value, mask);
    if (shift === 0) this.at++;
    return value;
  }

  u8(spec: Spec<number>): number {
    const start = this.take(1, spec.label);
    const value = byteAt(this.bytes, start);
    if (this.fields) this.name(spec, start, this.at, value);
    return value;
  }

  u16(spec: Spec<number>): number {
    const start = this.take(2, spec.label);
    const value = u16At(this.bytes, start);
    if (this.fields) this.name(spec, start, this.at, value);
    return value;
  }

  u32(spec: Spec<number>): number {
    const start = this.take(4, spec.label);
    const value = u32At(this.bytes, start);
    if (this.fields) this.name(spec, start, this.at, value);
    return value;
  }

  /** `length` bytes as a view on the message, not a copy: keep it no longer than the message. */
  raw(spec: Spec<Buffer>, length: number = this.left): Buffer {
    const start = this.take(length, spec.label);
    const value = this.bytes.subarray(start, this.at);
    if (this.fields) this.name(spec, start, this.at, value);
    return value;
  }

  /** Throws the error that the byte read last, or the byte at `at` in the message, deserves. */
  wrong(why: string, cite?: string, at: number = this.at - this.base - 1): never {
    throw new WireError(why, at, cite);
  }

  /** A message that has bytes left when it has been read was not understood. */
  finish(): void {
    if (this.at !== this.end) this.wrong(`${this.left} bytes too many`, undefined, this.at - this.base);
  }

  private take(length: number, label: string): number {
    const start = this.at;
    if (start + length > this.end) this.cutShort(label, length);
    this.at = start + length;
    return start;
  }

  private cutShort(label: string, length: number): never {
    throw new WireError(`${label} needs ${length} bytes and ${this.left} are left`, this.at - this.base);
  }

  private name<V extends string | number | Buffer>(spec: Spec<V>, start: number, end: number, value: V, mask?: number) {
    const plain: string | number = typeof value === 'object' ? value.toString('hex') : value;
    const gloss = spec.gloss?.(value);
    this.fields?.push({
      id: spec.id,
      label: spec.label,
      start: start - this.base,
      end: end - this.base,
      ...(mask === undefined ? {} : { mask }),
      value: plain,
      show: spec.show ? spec.show(value) : String(plain),
      ...(gloss === undefined ? {} : { gloss }),
      ...(spec.chance ? { chance: true as const } : {}),
      ...(spec.secret ? { secret: true as const } : {}),
      ...(spec.veiled ? { veiled: true as const } : {}),
    });
  }
}

// `Buffer.readUInt32BE` and its kin check their arguments at every call, which takes longer than the reading. Whoever calls
// these has made sure that the bytes are there.

export function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] as number;
}

export function u16At(bytes: Buffer, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

export function u32At(bytes: Buffer, at: number): number {
  return ((byteAt(bytes, at) << 24) | (byteAt(bytes, at + 1) << 16) | u16At(bytes, at + 2)) >>> 0;
}

/** The bytes `[start, end)` of others. A view would say the same, but making one takes longer than copying a short message. */
export interface Stretch {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The same as a view. */
export function viewOf({ bytes, start, end }: Stretch): Buffer {
  return bytes.subarray(start, end);
}

/** All of these bytes. */
export function stretchOf(bytes: Buffer): Stretch {
  return { bytes, start: 0, end: bytes.length };
}

/** Up to here bytes are copied one by one. */
const FEW = 64;

/** Where messages are written. Bytes handed out by {@link take} are never written again, so a socket may keep them. */
export class Writer {
  private slab: Buffer;
  /** The same bytes, for numbers of more than one. */
  private words: DataView;
  private from = 0;
  private at = 0;

  constructor(slab = 16_384) {
    this.slab = Buffer.allocUnsafeSlow(slab);
    this.words = new DataView(this.slab.buffer);
  }

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return this.at - this.from;
  }

  u8(value: number): void {
    this.room(1);
    this.slab[this.at++] = value;
  }

  u16(value: number): void {
    this.room(2);
    this.words.setUint16(this.at, value);
    this.at += 2;
  }

  /** Writes the low 32 bits, whatever the sign: sequence numbers live modulo 2^32. */
  u32(value: number): void {
    this.room(4);
    this.words.setUint32(this.at, value);
    this.at += 4;
  }

  raw(bytes: Buffer, start = 0, end = bytes.length): void {
    const length = end - start;
    this.room(length);
    const { slab, at } = this;
    // For a few bytes the way into native code and back takes longer than the copying.
    if (length > FEW) bytes.copy(slab, at, start, end);
    else for (let next = 0; next < length; next++) slab[at + next] = byteAt(bytes, start + next);
    this.at = at + length;
  }

  /** Hands over what was written since the last call. */
  take(): Buffer {
    return viewOf(this.takeStretch());
  }

  /** The same without a view of its own, for what is kept in large numbers. */
  takeStretch(): Stretch {
    const stretch = { bytes: this.slab, start: this.from, end: this.at };
    this.from = this.at;
    return stretch;
  }

  private room(more: number): void {
    if (this.at + more > this.slab.length) this.grow(more);
  }

  private grow(more: number): void {
    const begun = this.slab.subarray(this.from, this.at);
    this.slab = Buffer.allocUnsafeSlow(Math.max(this.slab.length, 2 * (begun.length + more)));
    this.words = new DataView(this.slab.buffer);
    this.at = begun.copy(this.slab);
    this.from = 0;
  }
}
