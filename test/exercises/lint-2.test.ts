import { holdToLint } from './course.ts';

holdToLint(1, 2);
