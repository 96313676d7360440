// The guest's chat page, a module. What a guest or a server says is only ever set as text, never as markup.
const MAX = 4000, NEAR = 3600, PING = 25e3, DEAD = 10e3, TOKEN = 'jack.token', QUEUE = 'jack.queue';
const $ = id => document.getElementById(id);
const body = document.body, view = $('view'), log = $('log'), form = $('form'), input = $('text');

// ---- Words ----
const LANGS = ['en', 'de', 'es', 'fr'], WORDS = {
  online: ['Jack is at your service', 'Jack ist für Sie da', 'Jack está a su servicio', 'Jack est à votre service'],
  connecting: ['Connecting…', 'Verbindung wird aufgebaut…', 'Conectando…', 'Connexion…'],
  offline: ['You are offline, your messages will be sent when you are back',
    'Sie sind offline. Ihre Nachrichten werden gesendet, sobald Sie wieder online sind.',
    'Está sin conexión. Sus mensajes se enviarán cuando vuelva.', 'Vous êtes hors ligne. Vos messages partiront à votre retour.'],
  lost: ['No connection at the moment. Your messages are kept and will be sent.',
    'Zurzeit keine Verbindung. Ihre Nachrichten werden noch gesendet.',
    'No hay conexión ahora. Sus mensajes se enviarán después.', 'Pas de connexion pour le moment. Vos messages seront envoyés.'],
  windows: ['This chat is open in too many windows. Please close one.', 'Dieser Chat ist in zu vielen Fenstern offen. Bitte schließen Sie eines.',
    'Este chat está abierto en demasiadas ventanas. Cierre una, por favor.', 'Ce chat est ouvert dans trop de fenêtres. Veuillez en fermer une.'],
  closed: ['The chat is not available right now. Please call reception if it is urgent.',
    'Der Chat ist gerade nicht verfügbar. Wenn es eilt, rufen Sie bitte die Rezeption an.',
    'El chat no está disponible ahora. Si es urgente, llame a recepción.', 'Le chat est indisponible pour le moment. En cas d’urgence, appelez la réception.'],
  again: ['Try again', 'Erneut versuchen', 'Reintentar', 'Réessayer'],
  staff: ['Hotel team', 'Hotelteam', 'Equipo del hotel', 'Équipe de l’hôtel'],
  guest: ['You', 'Sie', 'Usted', 'Vous'],
  talk: ['Conversation', 'Unterhaltung', 'Conversación', 'Conversation'],
  typing: ['Jack is typing', 'Jack schreibt', 'Jack está escribiendo', 'Jack écrit'],
  label: ['Your message', 'Ihre Nachricht', 'Su mensaje', 'Votre message'],
  write: ['Write a message', 'Nachricht schreiben', 'Escriba un mensaje', 'Écrivez un message'],
  hint: ['Enter sends, Shift and Enter starts a new line.', 'Eingabe sendet, Umschalt und Eingabe beginnt eine neue Zeile.',
    'Intro envía, Mayús e Intro empieza una línea nueva.', 'Entrée envoie, Maj et Entrée commence une ligne.'],
  send: ['Send', 'Senden', 'Enviar', 'Envoyer'],
  fresh: ['New messages', 'Neue Nachrichten', 'Mensajes nuevos', 'Nouveaux messages'],
  sending: ['Sending…', 'Wird gesendet…', 'Enviando…', 'Envoi…'],
  waiting: ['Waiting to be sent', 'Wartet auf Versand', 'Pendiente de envío', 'En attente d’envoi'],
  sent: ['Sent', 'Gesendet', 'Enviado', 'Envoyé'],
  failed: ['Not sent', 'Nicht gesendet', 'No enviado', 'Non envoyé'],
  long: ['This message is too long: at most {0} characters.', 'Diese Nachricht ist zu lang: höchstens {0} Zeichen.',
    'Este mensaje es demasiado largo: {0} caracteres como máximo.', 'Ce message est trop long : {0} caractères au maximum.'],
  over: ['{0} characters too many', '{0} Zeichen zu viel', 'Sobran {0} caracteres', '{0} caractères de trop'],
  left: ['{0} characters left', 'noch {0} Zeichen', 'Quedan {0} caracteres', 'encore {0} caractères'],
  rate: ['You can send {0} messages a minute. This one is kept and will be sent shortly.',
    'Sie können {0} Nachrichten pro Minute senden. Diese wird gleich gesendet.',
    'Puede enviar {0} mensajes por minuto. Este se enviará enseguida.', 'Vous pouvez envoyer {0} messages par minute. Celui-ci partira sous peu.'],
  busy: ['Messages cannot be taken at the moment. This one is kept and will be sent.',
    'Zurzeit können keine Nachrichten angenommen werden. Diese wird noch gesendet.',
    'Ahora no se pueden recibir mensajes. Este se guarda y se enviará.',
    'Aucun message ne peut être reçu pour le moment. Celui-ci est gardé et partira.'],
  edit: ['Edit', 'Bearbeiten', 'Editar', 'Modifier'],
  source: ['Source', 'Quelle', 'Fuente', 'Source'],
};
const tag = s => { try { return Intl.getCanonicalLocales(s)[0] || ''; } catch { return ''; } };
const wanted = [new URLSearchParams(location.search).get('lang'), ...(navigator.languages || []), navigator.language, body.dataset.locale]
  .map(s => s ? tag(s.replace('_', '-')) : '').filter(Boolean);
const root = s => s.split('-')[0];
const lang = root(wanted.find(s => LANGS.includes(root(s))) || 'en');
const locale = wanted.find(s => root(s) === lang) || lang; // with its region: en-GB writes times otherwise than en-US
const t = (key, n = 0) => WORDS[key][LANGS.indexOf(lang)].replace('{0}', n.toLocaleString(locale));

const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const longDay = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
const near = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
const midnight = d => new Date(d.getFullYear(), d.getMonth(), d.getDate());
const dayName = d => {
  const ago = Math.round((midnight(d) - midnight(new Date())) / 864e5);
  const name = ago === 0 || ago === -1 ? near.format(ago, 'day') : longDay.format(d);
  return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
};

// ---- Small means ----
const memory = {}; // stands in when the browser forbids storage
const store = {
  get(k) { if (k in memory) return memory[k]; try { return localStorage.getItem(k); } catch { return null; } },
  set(k, v) { try { localStorage.setItem(k, v); delete memory[k]; } catch { memory[k] = v; } },
};
const newId = () => {
  if (crypto.randomUUID) return crypto.randomUUID(); // only where the page is secure
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = b[6] & 15 | 64; b[8] = b[8] & 63 | 128;
  return Array.from(b, x => x.toString(16).padStart(2, '0')).join('').replace(/^(.{8})(....)(....)(....)/, '$1-$2-$3-$4-');
};
const make = (name, cls, text) => {
  const e = document.createElement(name);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  return e;
};
const button = (text, act) => {
  const b = make('button', '', text);
  b.type = 'button';
  b.addEventListener('click', act);
  return b;
};
const words = a => (Array.isArray(a) ? a : []).map(x => x && (x.title || x.text || x)).filter(x => x && typeof x === 'string');
const time = at => { const d = new Date(at); return at && !isNaN(d) ? d : new Date(); };

// The queue is read again before each change, since another tab may share it.
const readQueue = () => {
  try { return JSON.parse(store.get(QUEUE)).filter(m => m && typeof m.id === 'string' && typeof m.text === 'string'); } catch { return []; }
};
const keep = m => store.set(QUEUE, JSON.stringify([...readQueue().filter(q => q.id !== m.id), { id: m.id, text: m.text, at: m.at, failed: m.failed }]
  .sort((a, b) => new Date(a.at) - new Date(b.at))));
const forget = id => { const q = readQueue(); if (q.some(m => m.id === id)) store.set(QUEUE, JSON.stringify(q.filter(m => m.id !== id))); };

// ---- The conversation ----
// A message: id, from, text, at, pending (not yet acknowledged), flying (when it was handed to this socket), failed, note.
const list = [], byId = new Map();
let stick = true, unseen = 0;
const bottom = () => { view.scrollTop = view.scrollHeight; };

function insert(m, index = list.length, fresh = true) {
  m.el = make('div', `msg ${m.from}${fresh ? ' new' : ''}`);
  m.who = make('p', 'who', m.from === 'jack' ? 'Jack' : t(m.from));
  const text = make('div', 'text', m.text);
  text.dir = 'auto';
  m.el.append(m.who, text);
  const sources = words(m.sources).join(', ');
  if (sources) m.el.append(make('p', 'src', `${t('source')}: ${sources}`));
  m.meta = make('p', 'meta');
  m.el.append(m.meta);
  list.splice(index, 0, m);
  byId.set(m.id, m);
  const next = list[index + 1];
  log.insertBefore(m.el, next ? next.day || next.el : null);
  show(m);
}

function drop(m) {
  list.splice(list.indexOf(m), 1);
  byId.delete(m.id);
  if (m.day) m.day.remove();
  m.el.remove();
  arrange();
}

// The line under a message, and what went wrong with it.
function show(m) {
  const at = time(m.at), when = make('time', '', clock.format(at));
  when.dateTime = at.toISOString();
  m.meta.replaceChildren(when);
  if (m.from !== 'guest') return;
  m.meta.append(` · ${t(!m.pending ? 'sent' : m.failed ? 'failed' : m.flying ? 'sending' : 'waiting')}`);
  m.el.classList.toggle('wait', !!m.pending);
  m.el.classList.toggle('bad', !!m.failed);
  const note = m.pending && m.note || '';
  if (m.noted === note + !!m.failed) return;
  m.noted = note + !!m.failed;
  if (m.noteEl) { m.noteEl.remove(); m.noteEl = null; }
  if (!note) return;
  m.noteEl = make('div', 'note');
  m.noteEl.append(make('span', '', note));
  if (m.failed) {
    m.noteEl.append(
      button(t('edit'), () => {
        input.value = input.value.trim() ? `${m.text}\n${input.value}` : m.text;
        forget(m.id); drop(m); grow(); input.focus();
      }),
      button(t('again'), () => { m.failed = false; m.note = ''; keep(m); show(m); flush(); input.focus(); }));
  }
  m.el.append(m.noteEl);
  if (stick) bottom();
}

// Day lines, names where the speaker changes, quick replies under the last message only.
function arrange() {
  let day = '', from = '';
  list.forEach((m, i) => {
    const name = dayName(time(m.at)), first = name !== day;
    if (first) {
      if (!m.day) log.insertBefore(m.day = make('p', 'day'), m.el);
      if (m.day.textContent !== name) m.day.textContent = name;
    } else if (m.day) { m.day.remove(); m.day = null; }
    const same = !first && from === m.from;
    m.el.classList.toggle('cont', same);
    m.who.classList.toggle('vh', same || m.from === 'guest');
    day = name; from = m.from;
    const last = i === list.length - 1 && m.from !== 'guest';
    if (last && !m.quick && words(m.quick_replies).length) {
      m.quick = make('div', 'quick');
      m.quick.append(...words(m.quick_replies).map(q => button(q, e => { say(q); if (!e.detail) input.focus(); })));
      m.el.append(m.quick);
    } else if (!last && m.quick) { m.quick.remove(); m.quick = null; }
  });
}

function settle(grew) {
  arrange();
  if (stick) bottom();
  else if (grew) $('jump').hidden = false;
}

// A message from the server, live or out of the history. False when it was known already.
function take(m, index, fresh) {
  const id = String(m.id || newId());
  const asked = byId.get(m.in_reply_to);
  if (asked) stored(asked);
  const known = byId.get(id);
  if (known) { if (m.at) known.at = m.at; stored(known); return false; }
  const from = ['guest', 'staff'].includes(m.from) ? m.from : 'jack';
  insert({ id, from, text: String(m.text ?? ''), at: m.at || new Date().toISOString(), quick_replies: m.quick_replies, sources: m.sources }, index, fresh);
  if (from === 'guest') forget(id);
  return true;
}

function stored(m) {
  if (m.from !== 'guest') return;
  if (m.pending) forget(m.id);
  m.pending = m.failed = false; m.flying = 0; m.note = '';
  show(m);
}

function merge(history) {
  let place = -1, grew = false, fresh = list.length > 0;
  for (const h of history) {
    if (!h || typeof h !== 'object') continue;
    const known = byId.get(String(h.id));
    if (known) { take(h); place = list.indexOf(known); continue; }
    if (place < 0) { place = list.findIndex(m => m.pending); if (place < 0) place = list.length; place--; }
    if (take(h, ++place, fresh) && h.from !== 'guest') grew = true;
  }
  return grew;
}

// ---- Sending ----
let pause = 0, pauseTimer, setbacks = 0, gentle = false;

function say(text) {
  const m = { id: newId(), from: 'guest', text, at: new Date().toISOString(), pending: true };
  insert(m);
  keep(m);
  stick = true;
  $('jump').hidden = true;
  flush();
  show(m);
  settle();
}

// In order; one at a time after the server has asked us to slow down.
function flush() {
  if (!ready || Date.now() < pause) return;
  const due = list.filter(m => m.pending && !m.failed);
  if (!due.length) gentle = false;
  for (const m of due) {
    if (m.flying) { if (gentle) return; continue; }
    m.flying = Date.now();
    m.note = '';
    put({ type: 'message', id: m.id, text: m.text });
    expect(DEAD);
    show(m);
    if (gentle) return;
  }
}

function hold(m, note, seconds) {
  m.flying = 0; m.note = note;
  show(m);
  gentle = true;
  if (Date.now() < pause) return;
  const wait = seconds > 0 ? Math.min(seconds, 300) * 1e3 : Math.min(60e3, 5e3 * 2 ** setbacks++) * (1 + Math.random() / 4);
  pause = Date.now() + wait;
  clearTimeout(pauseTimer);
  pauseTimer = setTimeout(() => { pause = 0; flush(); }, wait + 50);
}

function trouble(f) {
  const code = String(f.code || '').toLowerCase(), said = typeof f.message === 'string' ? f.message : '';
  if (/socket|connection|window/.test(code)) { block(t('windows')); return; }
  const m = f.id ? byId.get(String(f.id)) : /type|frame|json|hello/.test(code) ? null : list.find(x => x.pending && x.flying);
  // At hello: the server closes with 1013, and is asked again as after any other loss.
  if (!ready && !m && code === 'unavailable') return;
  if (!ready && !m) { block(said || t('closed')); return; }
  if (!m || !m.pending) { console.warn('jack:', code, said); return; }
  if (/rate|too_many|slow|throttl/.test(code)) hold(m, t('rate', +f.limit || 10), +f.retry_after);
  else if (/long|large|size|invalid|empty|bad|forbid|denied/.test(code)) {
    m.failed = true; m.flying = 0;
    m.note = /long|large|size/.test(code) ? t('long', +f.limit || MAX) : said || t('failed');
    keep(m); show(m); flush();
  } else hold(m, code === 'unavailable' ? t('busy') : said, +f.retry_after);
}

// ---- The socket ----
const target = new URL(/^[^{]/.test(body.dataset.socket || '') ? body.dataset.socket : 'ws/chat', location.href);
target.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
let socket = null, ready = false, token = store.get(TOKEN), tries = 0, refusals = 0, blocked = '', since = 0;
let retryTimer, deadTimer, calmTimer, typingTimer, first = true;

const put = o => { if (socket && socket.readyState === 1) socket.send(JSON.stringify(o)); };
// Something must arrive within this time, or the socket is taken for dead.
const expect = ms => { if (!deadTimer) deadTimer = setTimeout(() => end(0), ms); };
const heard = () => { clearTimeout(deadTimer); deadTimer = 0; };

function status(key, text) {
  body.className = key === 'online' ? 'on' : key === 'connecting' ? '' : 'off';
  const line = $('status'), now = text || t(key);
  if (line.textContent !== now) line.textContent = now;
  $('again').hidden = !['lost', 'closed'].includes(key);
}

function block(text) {
  blocked = text;
  list.forEach(m => { if (m.pending && !m.failed) { m.note = text; m.flying = 0; show(m); } });
}

function connect() {
  if (socket) return;
  clearTimeout(retryTimer);
  blocked = '';
  since = Date.now();
  if (!navigator.onLine) status('offline'); else if (tries < 2 && !refusals) status('connecting');
  let s;
  try { s = new WebSocket(target); } catch { retry(0); return; }
  socket = s;
  expect(DEAD);
  s.onopen = () => { if (s === socket) put({ type: 'hello', token: token || null, locale: wanted[0] || lang }); };
  s.onmessage = e => { if (s === socket) { try { receive(JSON.parse(e.data)); } catch (err) { console.warn('jack:', err); } } };
  s.onclose = e => { if (s === socket) end(e.code); };
}

function end(code) {
  const s = socket;
  socket = null; ready = false;
  heard(); clearTimeout(calmTimer); quiet();
  if (s) { s.onopen = s.onmessage = s.onclose = null; s.close(); }
  list.forEach(m => { if (m.flying) { m.flying = 0; show(m); } });
  retry(code);
}

// 0.5 to 20 s with full jitter; a refusal by the server's policy waits minutes, or for the guest.
function retry(code) {
  clearTimeout(retryTimer);
  const refused = blocked || code === 1008 || code >= 4000;
  const most = refused ? Math.min(600e3, 60e3 * 2 ** refusals++) : Math.min(20e3, 1e3 * 2 ** tries++);
  retryTimer = setTimeout(connect, refused ? most * (.75 + Math.random() / 4) : 500 + Math.random() * (most - 500));
  if (refused) { block(blocked || t('closed')); status('closed', blocked); }
  else status(!navigator.onLine ? 'offline' : tries > 1 ? 'lost' : 'connecting');
}

// The network or the guest is back: ask a socket that looks open, or open one at once.
function wake() {
  arrange();
  if (!document.hidden) { unseen = 0; document.title = title; }
  if (socket) { if (ready) { put({ type: 'ping' }); heard(); expect(5e3); } return; }
  if (refusals && Date.now() - since < 30e3) return;
  tries = 0;
  connect();
}

function quiet() { clearTimeout(typingTimer); $('typing').hidden = true; }

function receive(f) {
  heard();
  switch (f && f.type) {
    case 'session': {
      if (typeof f.token === 'string' && f.token) store.set(TOKEN, token = f.token);
      if (first) log.setAttribute('aria-live', 'off'); // the old conversation is not read aloud
      const grew = merge(Array.isArray(f.history) ? f.history : []);
      settle(grew && !first);
      if (first) { first = false; bottom(); setTimeout(() => log.setAttribute('aria-live', 'polite'), 800); }
      ready = true;
      status('online');
      clearTimeout(calmTimer);
      calmTimer = setTimeout(() => { tries = refusals = 0; }, 5e3);
      list.forEach(m => { if (m.pending && !m.failed) { m.flying = 0; m.note = ''; show(m); } });
      flush();
      break;
    }
    case 'ack': {
      const m = byId.get(String(f.id));
      if (m) stored(m);
      setbacks = tries = refusals = 0;
      flush();
      break;
    }
    case 'typing':
      $('typing').hidden = false;
      if (stick) bottom();
      clearTimeout(typingTimer);
      typingTimer = setTimeout(quiet, 15e3);
      break;
    case 'message':
      if (!take(f)) break;
      if (f.from !== 'guest') quiet();
      if (document.hidden) document.title = `(${++unseen}) ${title}`;
      settle(true);
      break;
    case 'error': trouble(f); break;
  }
  if (ready) status('online');
}

// ---- The page ----
const title = document.title;
document.documentElement.lang = lang;
document.querySelectorAll('[data-t]').forEach(e => { e.textContent = t(e.dataset.t); });
input.placeholder = t('write');
form.hidden = false;

const size = s => { let n = 0; for (const _ of s) n++; return n; };
function grow() {
  input.style.height = 'auto';
  input.style.height = `${input.scrollHeight + 2}px`;
  const n = input.value.length > NEAR ? size(input.value.trim()) : 0, count = $('count');
  count.hidden = n <= NEAR;
  count.textContent = n > MAX ? t('over', n - MAX) : t('left', MAX - n);
  form.classList.toggle('over', n > MAX);
  input.setAttribute('aria-invalid', n > MAX);
  if (n <= MAX) $('warn').textContent = '';
}

let typed = 0;
input.addEventListener('input', () => {
  grow();
  if (ready && input.value && Date.now() - typed > 4e3) { typed = Date.now(); put({ type: 'typing' }); }
});
input.addEventListener('keydown', e => {
  if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return; // 229: an input method is at work
  e.preventDefault();
  submit();
});
form.addEventListener('submit', e => { e.preventDefault(); submit(); });
function submit() {
  const text = input.value.trim();
  if (!text) return;
  if (size(text) > MAX) { $('warn').textContent = t('long', MAX); input.focus(); return; }
  input.value = '';
  typed = 0;
  grow();
  say(text);
  input.focus();
}
view.addEventListener('scroll', () => {
  stick = view.scrollHeight - view.scrollTop - view.clientHeight < 60;
  if (stick) $('jump').hidden = true;
}, { passive: true });
$('jump').addEventListener('click', e => {
  stick = true;
  $('jump').hidden = true;
  bottom();
  if (!e.detail) input.focus();
});
$('again').addEventListener('click', () => { tries = 0; refusals = 0; connect(); input.focus(); });
new ResizeObserver(() => { if (stick) bottom(); }).observe(view);

// iOS lays its keyboard over the page without changing dvh.
const vv = window.visualViewport;
if (vv) vv.addEventListener('resize', () => {
  if (Math.abs(vv.scale - 1) > .01) return;
  body.style.height = `${vv.height}px`;
  scrollTo(0, 0);
  if (stick) bottom();
});

window.addEventListener('storage', e => { // another tab sends, or has sent
  if (e.key !== QUEUE) return;
  const queue = readQueue();
  queue.forEach(q => { if (!byId.has(q.id)) insert({ ...q, from: 'guest', pending: true, flying: Date.now() }); });
  list.filter(m => m.pending && !queue.some(q => q.id === m.id)).forEach(m => m.failed ? drop(m) : stored(m));
  settle();
});
window.addEventListener('online', wake);
window.addEventListener('offline', () => { status('offline'); if (ready) { put({ type: 'ping' }); expect(5e3); } });
window.addEventListener('pageshow', e => { if (e.persisted) wake(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden) wake(); });
setInterval(() => {
  if (!ready) return;
  put({ type: 'ping' });
  expect(DEAD);
  list.forEach(m => { if (m.flying && Date.now() - m.flying > PING) m.flying = 0; }); // no answer: the same id again
  flush();
}, PING);

readQueue().forEach(q => insert({ ...q, from: 'guest', pending: true, note: q.failed ? t('failed') : '' }, undefined, false));
settle();
grow();
connect();
