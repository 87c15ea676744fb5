// The page of a chat: a form, a list, and a WebSocket, so that a browser can take part.

/** What the page may do: run the script and the style that it holds, and talk to the server that it came from. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'";

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Amnesia: chat</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  ol { min-height: 10rem; padding-left: 3rem } input { font: inherit }
</style>
<h1>Chat</h1>
<form id="join">
  <label>Room <input name="room" value="kitchen" required></label>
  <label>Name <input name="name" required autofocus></label>
  <button>Join</button>
</form>
<p>Here: <output id="members">nobody</output>. <span id="state" role="status">Not connected.</span></p>
<ol id="said"></ol>
<form id="say"><label>Say <input name="text" maxlength="1000" required autocomplete="off"></label> <button>Send</button></form>
<script>
  const by = (id) => document.getElementById(id);
  // All that this page remembers: where it is, the last message it has seen, and what was not acknowledged.
  let room, name, last, nr = 0, socket, waiting = [], members = new Set(), tries = 0;
  const tell = (words) => { by('state').textContent = words; };
  const send = (what) => { if (socket && socket.readyState === 1) socket.send(JSON.stringify(what)); };

  function dial() {
    socket = new WebSocket(location.origin.replace('http', 'ws'));
    socket.onopen = () => { tries = 0; send({ join: room, as: name, after: last }); };
    socket.onmessage = ({ data }) => hear(JSON.parse(data));
    socket.onclose = ({ code }) => {
      if (code === 4001) return tell('Somebody else speaks under this name now.');
      tell('Connection lost, coming back …');
      setTimeout(dial, Math.min(5000, 100 * 2 ** tries++));
    };
  }

  function hear(heard) {
    if (heard.welcome) {
      tell(heard.anew ? 'In. The room has been forgotten, and begins anew.' : 'In; ' + heard.missed + ' missed.');
      members = new Set(heard.members);
      last = heard.last - heard.missed;
      sayAgain(heard.nr);
    }
    if (heard.joined) members.add(heard.joined);
    if (heard.left) members.delete(heard.left);
    if (heard.id && heard.text) {
      last = heard.id;
      const item = document.createElement('li');
      item.value = heard.id;
      item.textContent = heard.from + ': ' + heard.text;
      by('said').append(item);
    }
    if (heard.ack || heard.from === name) waiting = waiting.filter((each) => each.nr !== (heard.ack || heard.nr));
    if (heard.next) sayAgain(heard.next - 1);
    else if (heard.error) tell(heard.error);
    by('members').textContent = [...members].join(', ') || 'nobody';
  }

  // What the server has counted keeps its number, and so is known to be the same; what comes after it is counted from there.
  function sayAgain(counted) {
    nr = counted;
    for (const each of waiting) if (each.nr > counted) each.nr = ++nr;
    waiting.forEach(send);
  }

  by('join').onsubmit = (event) => {
    event.preventDefault();
    if (socket) return;
    ({ room: { value: room }, name: { value: name } } = event.target.elements);
    dial();
  };
  by('say').onsubmit = (event) => {
    event.preventDefault();
    const what = { say: event.target.elements.text.value, nr: ++nr };
    waiting.push(what);
    send(what);
    event.target.reset();
  };
</script>
`;
