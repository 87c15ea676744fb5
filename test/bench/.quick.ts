import { ftp } from './ftp.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
const {path,remove}=temporaryFolder();
try { await ftp(path); } finally { await remove(); }
