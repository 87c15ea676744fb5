// One client's letter box: what waits, what has been sent and is not acknowledged, and in which order it goes. Nothing here knows
// what a letter says. Where rules must foresee what a change will make leave, they play it on a draft of the box.

/** A box of letters `L` for somebody who is reached by a way `W`. What most boxes never need is null until they do. */
export interface LetterBox<L, W extends Way> {
  /** What waits to be sent, first come first: never empty, null instead. */
  queue: L[] | null;
  /** Size of all that is in the queue, as {@link Post.sizeOf} has it. */
  queued: number;
  /** Letters that were dropped, since the queue was full. */
  dropped: number;
  /** Sent and not acknowledged, filed under a number, in the order of sending. Null: half acknowledged, and only the number counts. */
  out: Map<number, L | null> | null;
  /** Numbers of those that were sent on an earlier way, and wait for their turn on this one. */
  held: Set<number> | null;
  /** The number given last, of 1 to 65535. */
  last: number;
  /** Null while nobody is there to be sent anything. */
  awake: W | null;
}

export interface Way {
  /** Letters that may be unacknowledged at a time; less than 65536. */
  window: number;
  /** What is sent is not being read: nothing is. */
  lagging: boolean;
}

/** What a box must know of letters. */
export interface Post<L, W> {
  sizeOf(letter: L): number;
  /** Whether it can be sent this way. One that cannot counts as sent, and done with. */
  fits(way: W, letter: L): boolean;
  /** Whether it is of no use any more; `at` in milliseconds since the epoch. */
  hasExpired(letter: L, at: number): boolean;
}

/** Something that leaves now. Without a letter it is the second half of one that was sent before. */
export interface Leaving<L> {
  id: number;
  letter: L | null;
  /** It was sent before. */
  again: boolean;
}

/** A copy that may be changed; letters are never changed, and shared. */
export function draftOf<B extends LetterBox<unknown, Way>>(box: B): B {
  const { awake, queue, out, held } = box;
  return {
    ...box,
    awake: awake && { ...awake },
    queue: queue && [...queue],
    out: out && new Map(out),
    held: held && new Set(held),
  };
}

/** Whether a letter may leave at once, after `planned` others: nothing waits before it, and the window is open. */
export function roomFor({ awake, queue, out }: LetterBox<unknown, Way>, planned = 0): boolean {
  return awake !== null && !awake.lagging && queue === null && (out?.size ?? 0) + planned < awake.window;
}

/** The next free number, after `planned` others. The window is smaller than there are numbers. */
export function nextId({ last, out }: LetterBox<unknown, Way>, planned = 0): number {
  let id = last;
  for (let left = planned; ; ) {
    id = (id % 0xffff) + 1;
    if (!out?.has(id) && left-- === 0) return id;
  }
}

/** Puts a letter in the box, to be sent at once or to wait; when too much waits, the oldest is dropped. */
export function place<L, W extends Way>(
  box: LetterBox<L, W>,
  letter: L,
  post: Post<L, W>,
  most: { queue: number; queueBytes: number },
): void {
  if (box.awake && roomFor(box)) {
    if (post.fits(box.awake, letter)) put(box, letter);
    return;
  }
  box.queue ??= [];
  box.queue.push(letter);
  box.queued += post.sizeOf(letter);
  while (box.queue && (box.queue.length > most.queue || box.queued > most.queueBytes)) {
    takeNext(box, post);
    box.dropped++;
  }
}

function put<L>(box: LetterBox<L, Way>, letter: L): number {
  const id = nextId(box);
  box.out ??= new Map();
  box.out.set(id, letter);
  box.last = id;
  return id;
}

function takeNext<L, W extends Way>(box: LetterBox<L, W>, post: Post<L, W>): L | undefined {
  const letter = box.queue?.shift();
  if (letter !== undefined) box.queued -= post.sizeOf(letter);
  if (box.queue?.length === 0) box.queue = null;
  return letter;
}

/** Sends what waits, as far as the window goes: first what was sent before, then the queue. */
function flow<L, W extends Way>(box: LetterBox<L, W>, at: number, post: Post<L, W>): Leaving<L>[] {
  const { awake, out } = box;
  const leaving: Leaving<L>[] = [];
  if (!awake || awake.lagging) return leaving;
  for (const id of box.held ?? []) {
    if ((out?.size ?? 0) - (box.held?.size ?? 0) >= awake.window) return leaving;
    box.held?.delete(id);
    leaving.push({ id, letter: out?.get(id) ?? null, again: true });
  }
  box.held = null;
  while (box.queue && (box.out?.size ?? 0) < awake.window) {
    const letter = takeNext(box, post);
    if (letter === undefined || post.hasExpired(letter, at) || !post.fits(awake, letter)) continue;
    leaving.push({ id: put(box, letter), letter, again: false });
  }
  return leaving;
}

/** Somebody is there again: what was not acknowledged is sent again under its number, in its order; then what has waited since. */
export function resume<L, W extends Way>(box: LetterBox<L, W>, awake: W, at: number, post: Post<L, W>): Leaving<L>[] {
  box.awake = awake;
  box.held = null;
  const leaving: Leaving<L>[] = [];
  for (const [id, letter] of box.out ?? []) {
    if (letter !== null && !post.fits(awake, letter)) box.out?.delete(id);
    else if (letter !== null && leaving.length >= awake.window) {
      box.held ??= new Set();
      box.held.add(id);
    } else leaving.push({ id, letter, again: true });
  }
  if (box.out?.size === 0) box.out = null;
  return [...leaving, ...flow(box, at, post)];
}

/** One has arrived for good: there is room for the next. */
export function acknowledge<L, W extends Way>(
  box: LetterBox<L, W>,
  id: number,
  at: number,
  post: Post<L, W>,
): Leaving<L>[] {
  box.out?.delete(id);
  box.held?.delete(id);
  const leaving = flow(box, at, post);
  if (box.out?.size === 0) box.out = null;
  return leaving;
}

/** What was sent is being read again. */
export function catchUp<L, W extends Way>(box: LetterBox<L, W>, at: number, post: Post<L, W>): Leaving<L>[] {
  if (box.awake) box.awake.lagging = false;
  return flow(box, at, post);
}
