import { temporaryFolder } from '../../src/lab/tidy.ts';
import { ftp } from './ftp.ts';

const { path, remove } = temporaryFolder();
try {
  await ftp(path);
} finally {
  await remove();
}
