// Who may do next what only a few can do at a time: a bounded queue in which nobody takes all the room.

export interface Turns {
  /**
   * Resolves to true when the turn has come, to false when there is no room to wait for it. `of`: what this one is counted under,
   * such as its address and its name.
   */
  come(of: readonly string[]): Promise<boolean>;
  /** The turn is over: the next in the queue has it. Said once for each turn. */
  over(): void;
}

interface Waiting {
  of: readonly string[];
  told(itsTurn: boolean): void;
}

/**
 * `atOnce` have their turn at a time, and `waiting` wait for it in order of arrival. When one more comes, whoever has come last of
 * the address or the name with the most in the queue goes: so many of one kind crowd out each other, and nobody else.
 */
export function turns({ atOnce, waiting }: { atOnce: number; waiting: number }): Turns {
  const queue: Waiting[] = [];
  let taken = 0;

  return {
    come(of) {
      if (taken < atOnce) {
        taken++;
        return Promise.resolve(true);
      }
      return new Promise((told) => {
        queue.push({ of, told });
        if (queue.length > waiting) queue.splice(mostCrowded(queue), 1)[0]?.told(false);
      });
    },
    over() {
      const next = queue.shift();
      // The place is handed over.
      if (next) next.told(true);
      else taken--;
    },
  };
}

/** The index of the last one of those who are most. */
function mostCrowded(queue: readonly Waiting[]): number {
  const counts = new Map<string, number>();
  for (const { of } of queue) for (const each of of) counts.set(each, (counts.get(each) ?? 0) + 1);
  const crowds = queue.map(({ of }) => Math.max(...of.map((each) => counts.get(each) ?? 0)));
  return crowds.lastIndexOf(Math.max(...crowds));
}
