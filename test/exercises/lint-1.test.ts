import { holdToLint } from './course.ts';

holdToLint(0, 2);
