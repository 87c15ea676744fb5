// The tree that is served when nobody names a folder: short texts about state and forgetting, and one that takes a while to send.

import { mkdir, mkdtemp, readdir, rename, rm, rmdir, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Everything in the tree is of this moment, so that its listing is the same on every machine. */
const FIRST_OF_2026 = new Date('2026-01-01T00:00:00Z');

/** Folders, each before what is in it. */
const FOLDERS = ['pub', 'pub/exercises', 'pub/exercises/answers', 'incoming'];

const TEXTS: ReadonlyMap<string, string> = new Map([
  [
    'welcome.txt',
    `Welcome.

This server knows who you are, where you stand, and how you like your files. It
knows all of that only as long as this connection lasts: none of it is written
down, and none of it has a name by which you could ask for it again.

Look into /pub. What you upload goes to /incoming, once you have logged in as
somebody.
`,
  ],
  [
    'pub/about-state.txt',
    `What a server remembers

A stateless server answers every question from the question alone. Ask it twice
and it has no idea that it has met you. A stateful server answers from what you
said before: "in this folder", "that file", "from there on".

The useful question is not whether there is state. There always is. Ask instead
what it is filed under, and who holds it.

    filed under the connection   it goes when the connection goes
    filed under a name           it can be found again by whoever knows the name
    carried in the message       the server may forget as it likes
`,
  ],
  [
    'pub/about-forgetting.txt',
    `How to forget

By accident: the process ends. A crash, an update, somebody at the plug.

By design: a lifetime passes, a table is full, and the oldest entry makes room.

By mistake: the memory is still there, and nobody can name it any more. A
session whose number is lost is as gone as one that was deleted, but it goes on
taking up space.

What is forgotten can be said again. That is why a client that keeps its own
notes recovers from most of it: it logs in once more, walks to the same folder,
and asks for the rest of the file from the byte where it was cut off.
`,
  ],
  [
    'pub/exercises/cut.txt',
    `Cut a transfer

1. Fetch long.txt from /pub, and kill the server when half of it has arrived.
2. Connect again and ask for it. What does the server say, and why?
3. Which four things did it know before the cut? Who else knew them?
`,
  ],
  [
    'pub/exercises/answers/cut.txt',
    `Cut a transfer: answers

2. 530: nobody has logged in on this connection. It is a new one, and all that
   the server knew was filed under the old one.
3. Who you are, the folder you are in, the type of the transfer, and how far it
   had come. You knew all four.
`,
  ],
]);

/** The name of the long text, and how many numbered lines it has: 100 KiB. */
const LONG = 'pub/long.txt';
const LONG_LINES = 1_600;

/** Each line is 64 bytes and says where it is, so that a gap or a repetition can be seen with the eye. */
function longText(): string {
  const line = (_: unknown, index: number) => {
    const place = `line ${String(index + 1).padStart(4, '0')}, byte ${String(index * 64).padStart(6, '0')}`;
    return `${place}: said once, and kept by whoever wrote it`.padEnd(63, '.').concat('\n');
  };
  return Array.from({ length: LONG_LINES }, line).join('');
}

/**
 * Writes the tree to a folder of this machine that is missing or empty; does nothing when something is in it. All of it is there
 * or none: it is made beside the folder and then takes its place. Rejects with what the file system says.
 */
export async function furnish(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  if (await furnished(folder)) return;
  const made = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  try {
    for (const name of FOLDERS) await mkdir(join(made, name));
    for (const [name, text] of TEXTS) await writeFile(join(made, name), text);
    await writeFile(join(made, LONG), longText());
    // A folder is dated by what last went into it, so what is in it comes first.
    for (const name of [...TEXTS.keys(), LONG, ...FOLDERS.toReversed(), ''])
      await utimes(join(made, name), FIRST_OF_2026, FIRST_OF_2026);
    // Windows does not put a folder in the place of an empty one.
    if (process.platform === 'win32') await rmdir(folder).catch(unlessCode('ENOENT'));
    // Two may furnish at once. The second finds the place taken, by the same tree.
    await rename(made, folder).catch(unlessCode('ENOTEMPTY', 'EEXIST', 'EPERM'));
    if (!(await furnished(folder))) throw new Error(`${folder} could not be furnished: is it somebody else's?`);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function furnished(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(unlessCode('ENOENT'));
  return names !== undefined && names.length > 0;
}

/** For `catch`: errors of these codes are undefined, and all others are thrown. */
function unlessCode(...codes: string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}
