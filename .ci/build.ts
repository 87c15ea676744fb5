// Builds `.dist`: plain JavaScript for plain Node, in parts, so that a command loads only what it needs.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const common: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  keepNames: true,
  logLevel: 'warning',
  // Loaded by a few designs only, and large, or found by their own files: a native binding, a prebuilt bundle. They are dependencies
  // of the package, so they stand beside it wherever it is installed.
  external: [
    'aedes',
    'aedes-persistence-level',
    'aedes-persistence-redis',
    'ajv',
    'ioredis',
    'level',
    'mqemitter-redis',
    'mqtt',
    'selfsigned',
  ],
  // A bundled dependency may still be CommonJS and ask for `require`.
  banner: {
    js: "import { createRequire as amnesiaRequire } from 'node:module'; const require = amnesiaRequire(import.meta.url);",
  },
};

/** Builds the program into a folder, and removes what was in it before: `amnesia.js` with its parts, and `host.js`. */
export async function program(outdir: string, { minify = true } = {}): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  const each: BuildOptions = { ...common, outdir, minify };
  await build({ ...each, entryPoints: { amnesia: 'src/cli/amnesia.ts' }, splitting: true, chunkNames: 'part-[hash]' });
  // A server starts again after every kill, and finding ten small files takes longer than reading one larger one.
  await build({ ...each, entryPoints: { host: 'src/lab/host.ts' } });
}

/** What a workload outside this repository needs to be typed: `src/workload.ts` as declarations, and whatever they name. */
function types(folder: string): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', '.ci/types.json'], { cwd: ROOT, stdio: 'inherit' });
  const named = new Set<string>();
  const name = (file: string) => {
    if (named.has(file)) return;
    named.add(file);
    const source = readFileSync(join(folder, file), 'utf8');
    for (const [, other = ''] of source.matchAll(/(?:from|import\() ?'(\.[^']+)\.ts'/g))
      name(normalize(`${join(dirname(file), other)}.d.ts`));
  };
  name('workload.d.ts');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.ts') && !named.has(normalize(file))) rmSync(join(folder, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await program(join(ROOT, '.dist'));
  types(join(ROOT, '.dist', 'types'));
}
