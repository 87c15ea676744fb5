// What a browser is shown: a page to log in, or what the server knows of who has.

import type { Answer } from './answers.ts';
import type { Known } from './asking.ts';

export function front(known: Known | undefined): Answer {
  return { status: 200, page: known ? profilePage(known) : loginPage() };
}

export function loginPage(wrong?: string): string {
  return page(
    'Log in',
    `${wrong === undefined ? '' : `<p>${escaped(wrong)}</p>\n`}<form method="post" action="/login">
<p><label>User <input name="user" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Log in</button></p>
</form>`,
  );
}

function profilePage({ user, things: { cart, watch } }: Known): string {
  const items = [...cart].map(([item, count]) => `<li>${escaped(item)} × ${count}</li>`).join('');
  const films = [...watch].map(([film, minute]) => `<li>${escaped(film)}, minute ${minute}</li>`).join('');
  return page(
    `Hello, ${escaped(user)}`,
    `<h2>Cart</h2>\n${items ? `<ul>${items}</ul>` : '<p>It is empty.</p>'}
<h2>Films</h2>\n${films ? `<ul>${films}</ul>` : '<p>None begun.</p>'}
<form method="post" action="/logout"><button>Log out</button></form>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body{font:16px/1.5 sans-serif;max-width:30em;margin:3em auto;padding:0 1em}</style>
<h1>${title}</h1>
${body}
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
