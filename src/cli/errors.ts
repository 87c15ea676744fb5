/** What a process of ours ends with. */
export const EXIT = { asClaimed: 0, notAsClaimed: 1, unknown: 2, fault: 3 } as const;

/** The user asked for something that is not there; the message is one line and ends with what to type. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UsageError';
  }
}
