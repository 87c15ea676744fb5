// For tests of protocols that only tests have: these are TypeScript, which a host that was built ahead (test/built.ts) cannot load.

/** From here on this file's servers run from source, as their readers have them. */
export function fromSource(): void {
  delete process.env.AMNESIA_HOST;
}
