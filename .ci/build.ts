// Builds `.dist`: plain JavaScript for plain Node, in parts, so that a command loads only what it needs.

import { rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('.dist', { recursive: true, force: true });
await build({
  entryPoints: { amnesia: 'src/cli/amnesia.ts', host: 'src/lab/host.ts' },
  outdir: '.dist',
  bundle: true,
  splitting: true,
  chunkNames: 'part-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  minify: true,
  keepNames: true,
  logLevel: 'warning',
  // A bundled dependency may still be CommonJS and ask for `require`.
  banner: {
    js: "import { createRequire as amnesiaRequire } from 'node:module'; const require = amnesiaRequire(import.meta.url);",
  },
});
