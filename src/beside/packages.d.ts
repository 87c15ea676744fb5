// Packages that come without types: as much of them as is used here.

declare module 'aedes-persistence-level' {
  import type { Level } from 'level';

  const persistence: (db: Level) => object;
  export default persistence;
}

declare module 'aedes-persistence-redis' {
  import type { Redis } from 'ioredis';

  const persistence: (options: { conn: Redis }) => object;
  export default persistence;
}
