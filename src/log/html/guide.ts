// What a reader of the page may want to be told: how to read it, and which keys there are.

import { markup } from './markup.ts';

export const GUIDE = markup`<footer><details class="guide"><summary>How to read this page</summary>
<p>The same steps were played twice. Both arms stand side by side, line beside line of the same kind, and the first line that only one of them has, or that says something else, is marked <em>here they part</em>. Every participant has a column; a life, which is one process of the server, begins in it with its name and ends in it, when it is killed, with a cross. An arrow is a message. One that ends in a cross was read by nobody.</p>
<p>A message opens to its bytes and fields. Numbers before a field are those of its bytes, counted from 0. What the message has to do with memory is said in notes:</p>
<dl>
<div><dt class="needs">○ needs</dt><dd>it means something only to whoever remembers this</dd></div>
<div><dt class="keeps">● keeps</dt><dd>somebody remembers something else from here on</dd></div>
<div><dt class="LOST">✗ LOST</dt><dd>what was remembered is gone; the rows say who wrote it and what took it</dd></div>
<div><dt class="proof">◇ proof</dt><dd>it carries all that it takes to be understood</dd></div>
<div><dt class="hint">· hint</dt><dd>worth knowing, and nothing was lost</dd></div>
</dl>
<p>In the time line a bar is one thing that is known of a subject, a seam in it a change, and the line from top to bottom the cut. After the cut a subject is ✗ LOST, ● KEPT (something outlived the process and handed it on) or ↻ REBUILT (the other side brought it again). Bars are as long as there are lines, not as long as time passes.</p>
</details></footer>`;

export const HELP = markup`<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">Keys</h2><dl>
<div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous row</dd></div>
<div><dt><kbd>↓</kbd> <kbd>↑</kbd></dt><dd>the same, and through the fields of an open message</dd></div>
<div><dt><kbd>Enter</kbd> <kbd>→</kbd></dt><dd>open a message</dd></div>
<div><dt><kbd>Esc</kbd> <kbd>←</kbd></dt><dd>close it</dd></div>
<div><dt><kbd>n</kbd></dt><dd>next row with a note</dd></div>
<div><dt><kbd>c</kbd></dt><dd>to the cut</dd></div>
<div><dt><kbd>p</kbd></dt><dd>to where they part</dd></div>
<div><dt><kbd>s</kbd></dt><dd>to the other arm, at the same height</dd></div>
<div><dt><kbd>d</kbd></dt><dd>dark or light</dd></div>
<div><dt><kbd>?</kbd></dt><dd>this help</dd></div>
</dl><button type="button" id="close">Close</button></dialog>`;
