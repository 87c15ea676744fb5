/** Something is wrong with a journal's folder, and only a person can say what should be done. */
export class JournalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
  }
}
