'use strict';
/* The page of one bench. It shows what the station says and nothing else: no state of a run lives here. */
const $ = id => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const KIOSK = asked.has('kiosk'); /* one window, and no way back from a second: nothing may cover STOP */
const BENCH = Math.max(0, parseInt(asked.get('bench') || '0', 10) || 0);
const SILENCE_MS = 2500, WATCH_MS = 500, HIDDEN_MS = 10000, BURST_MS = 30, BURST_MIN = 3, SPACE_MS = 60, TRACE_MS = 60000, ORDER_MS = 5000, READ_MS = 500, TYPED_MS = 15000, ASKING_MS = 300;
let askedShown = '', readTimer = 0;
let words = null, language = '', station = null, bench = null;

/* ---- words ---- */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => key in values ? values[key] : all);
const say = (key, values) => words && key in words ? fill(words[key], values || {}) : key;
/* To make a format costs the browser more than all that a page does in a second: each is made once. */
const formats = new Map();
function format(kind, options) {
  const key = language + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new kind(language || 'en', options));
  return formats.get(key);
}
const number = (value, digits) => value === undefined || value === null ? '–' : format(Intl.NumberFormat, { maximumFractionDigits: digits, signDisplay: 'negative' }).format(value);
const fixed = (value, digits) => value === undefined || value === null ? '–' : format(Intl.NumberFormat, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
/* What is drawn again as it was touches nothing: no node that the keyboard may be in is made anew, and nothing is painted. */
const set = (e, key, value) => { if (e[key] !== value) e[key] = value; };
const put = (id, text) => set($(id), 'textContent', text);
const mark = (key, value) => set(document.body.dataset, key, String(value));
const label = (e, text) => { if (e.getAttribute('aria-label') !== text) e.setAttribute('aria-label', text); };
/* A list whose nodes stay with what they show; new ones come, others go, none moves. The focus of one that goes is its neighbour's. */
function putList(id, items, make) {
  const e = $(id), there = new Map(Array.from(e.children, child => [child.dataset.key, child])), wanted = new Set(items.map(item => item.key));
  const focused = e.contains(document.activeElement);
  for (const [key, child] of there) if (!wanted.has(key)) child.remove();
  items.forEach((item, i) => {
    const child = there.get(item.key) || make(item);
    set(child.dataset, 'key', item.key);
    if (e.children[i] !== child) e.insertBefore(child, e.children[i] || null);
  });
  if (focused && !e.contains(document.activeElement) && e.lastElementChild) e.lastElementChild.focus();
}
/* Codes never break at a hyphen: each word with a digit or hyphen in a span of its own. */
function putKept(id, text) {
  const e = $(id);
  if (e.dataset.text === text) return;
  e.dataset.text = text;
  e.replaceChildren(...text.split(/(\s+)/).map(part => {
    if (!/[\d-]/.test(part)) return document.createTextNode(part);
    const span = document.createElement('span');
    span.className = 'keep';
    span.textContent = part;
    return span;
  }));
}
async function learn(wanted) {
  if (wanted === language) return;
  const reply = await fetch('words.' + wanted + '.json');
  words = await reply.json();
  language = wanted;
  document.documentElement.lang = wanted;
  draw();
}

/* ---- orders ---- */
/* What did not arrive is said in the yellow bar until something does: nobody may believe that STOP was heard. */
let unheard = null;
async function order(what, more) {
  let status = '';
  try {
    const reply = await fetch('do', { method: 'POST', headers: { 'X-Penrig': '1', 'Content-Type': 'application/json' }, body: JSON.stringify({ do: what, bench: BENCH, ...more }), signal: AbortSignal.timeout(ORDER_MS) });
    if (reply.ok) { unheard = null; drawRefusal(); return; }
    status = String(reply.status);
  } catch (e) { status = '–'; }
  unheard = { stop: what === 'stop', status };
  drawRefusal();
}
const stop = () => order('stop');
const start = () => order('start', { serial: bench.serial }); /* this unit, and no other */
const isBusy = () => Boolean(bench) && (bench.view === 'running' || bench.view === 'prompt');
const asksForCode = () => bench && bench.view === 'prompt' && bench.prompt.question === 'scan_pen';
/* A question that has just come is not the one that was answered: its keys count once it could be read. STOP always counts. */
const isRead = () => document.body.dataset.read === 'yes';
function readAnew() {
  mark('read', 'no');
  clearTimeout(readTimer);
  readTimer = setTimeout(() => mark('read', 'yes'), READ_MS);
}
/* What is asked now: by the run, or by the checklist before it. */
const asksNow = () => (bench && (bench.prompt || bench.check)) || null;
function done() {
  if (!asksNow() || !isRead()) return;
  if (asksForCode()) readPen();
  else order('done', { id: asksNow().id });
}
const giveUp = () => asksNow() && isRead() && order('give_up', { id: asksNow().id });
const scan = code => order('scan', { code, id: asksNow() && isRead() ? asksNow().id : 0 });
function readPen() {
  const code = $('prompt-read').value.trim();
  if (!code) { $('prompt-read').focus(); return; }
  $('prompt-read').value = '';
  scan(code);
}
/* What a person types stands in a field, which opens by itself where a code is taken: a scanner needs none. */
const takesCodes = () => Boolean(bench) && !isBusy() && !dialog;
function openTyped() {
  if (!takesCodes()) return;
  $('typed').classList.add('shown');
  $('typed').focus();
}
function closeTyped() {
  clearTimeout(idleTimer);
  $('typed').value = '';
  $('typed').classList.remove('shown');
  $('typed').blur();
}
/* What nobody goes on with is nobody's any more. */
let idleTimer = 0;
function awaitMore() {
  clearTimeout(idleTimer);
  idleTimer = setTimeout(closeTyped, TYPED_MS);
}
/* It belongs to what the page showed when it was typed. */
let typedAt = '';
function emptyTyped() {
  const at = [bench.view, bench.serial, bench.name].join('\n');
  if (at !== typedAt) closeTyped();
  typedAt = at;
}
/* Only what is seen, and typed at. */
function sendTyped() {
  const e = $('typed'), text = e.value.trim();
  if (!text || !takesCodes() || document.activeElement !== e || !e.checkVisibility()) return false;
  closeTyped();
  scan(text);
  return true;
}
function enter() {
  if (!bench || sendTyped()) return;
  if (dialog === 'pin') signIn();
  else if (dialog) return;
  else if (bench.check) done();
  else if (bench.view === 'armed') start();
  else if (bench.view === 'prompt') done();
}

/* ---- keys: a scanner is told from a person by its speed ---- */
let burst = '', last = -1e9, spaceTimer = 0, typeTimer = 0;
const inField = e => e.target instanceof HTMLInputElement; /* a person types there; what a scanner sends is a code all the same */
/* A command card is one in every field and dialog; %STOP also behind what was typed before it. */
const STOP_CARD = '%STOP', CARDS = ['%START', '%DONE', '%GIVEUP', '%NEXT', '%RETEST'];
function stopAll() {
  stop();
  if (bench && bench.signing) order('sign_out');
  if (document.activeElement instanceof HTMLInputElement) document.activeElement.value = '';
  closeTyped();
  if (dialog) show('');
}
/* What this station's scanners put around each code is none of it. */
function unwrap(code) {
  const before = station ? station.scan_prefix : '', behind = station ? station.scan_suffix : '';
  if (before && code.length > before.length && code.startsWith(before)) code = code.slice(before.length);
  return behind && code.length > behind.length && code.endsWith(behind) ? code.slice(0, -behind.length) : code;
}
function endBurst() { const code = burst; burst = ''; return code; }
/* No further key came at a scanner's speed: a person types. Or the keys were late, on a computer that has much to do: the next one
 * tells by its own time that it belongs to them, and the field is again as it was. */
let early = null;
function typeBurst() {
  typeTimer = 0;
  if (!takesCodes()) return;
  const field = $('typed'), code = endBurst();
  early = { code, before: field.value, shown: field.classList.contains('shown') };
  openTyped();
  field.value += code;
  awaitMore();
}
function takeBack() {
  const field = $('typed');
  if (field.value !== early.before + early.code) return;
  burst = early.code;
  field.value = early.before;
  field.classList.toggle('shown', early.shown);
  field.blur();
}
/* A burst that came behind what stood in the field already: neither of both is sent. */
const isPart = code => document.activeElement === $('typed') && $('typed').value.trim() !== code.trim();
function take(e, sent, code) {
  if (isPart(sent)) {
    closeTyped();
    unheard = { word: 'no_read_again', status: 'again' };
    drawRefusal();
    sound('refused');
    return;
  }
  if (inField(e)) e.target.value = '';
  closeTyped();
  if (dialog === 'decide' && !CARDS.includes(code)) { $('decide-who').value = code; $('decide-pin').focus(); } else scan(code);
}
function onKey(e) {
  const k = e.key;
  if (['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'CapsLock', 'Dead', 'Process'].includes(k) || e.repeat) { if (e.repeat) e.preventDefault(); return; }
  const gap = e.timeStamp - last, fast = gap < BURST_MS;
  last = e.timeStamp;
  clearTimeout(typeTimer);
  if (!fast && typeTimer) typeBurst();
  if (!fast) burst = '';
  else if (early) takeBack();
  early = null;
  typeTimer = 0;
  clearTimeout(spaceTimer);
  if (k === 'Enter' || k === 'Tab') {
    const sent = endBurst(), code = unwrap(sent);
    if (code.endsWith(STOP_CARD) || (inField(e) && unwrap(e.target.value.trim()).endsWith(STOP_CARD))) { e.preventDefault(); e.stopPropagation(); stopAll(); return; }
    if (sent.length >= BURST_MIN) { e.preventDefault(); e.stopPropagation(); take(e, sent, code); return; }
    if (k === 'Enter' && !(document.activeElement instanceof HTMLButtonElement) && !(document.activeElement instanceof HTMLAnchorElement)) { e.preventDefault(); enter(); }
    return;
  }
  if (k === 'Escape') { e.preventDefault(); stopAll(); return; }
  if (k === 'F8' || (e.ctrlKey && k === ']')) { e.preventDefault(); burst += '\u001d'; if (e.target === $('typed')) e.target.value += '\u001d'; return; }
  if (k.length === 1 && !e.ctrlKey && !e.metaKey) {
    burst += k;
    if (k === ' ' && !inField(e)) { e.preventDefault(); if (!fast) spaceTimer = setTimeout(() => { burst = ''; stop(); }, SPACE_MS); }
    else if (!(document.activeElement instanceof HTMLInputElement) && takesCodes()) typeTimer = setTimeout(typeBurst, SPACE_MS);
  }
}
addEventListener('keydown', onKey, true);
addEventListener('keyup', e => { if (e.key === ' ' && !inField(e)) e.preventDefault(); }, true);

/* ---- sound: one for each word, and for what somebody who looks away has to know ---- */
let audio = null;
const TUNES = { pass: [[660, 0, 0.12], [990, 0.14, 0.22]], fail: [[220, 0, 0.3], [165, 0.34, 0.5]], not_tested: [[440, 0, 0.12], [440, 0.2, 0.12], [440, 0.4, 0.12]], held: [[523, 0, 0.25], [392, 0.3, 0.4]],
  refused: [[330, 0, 0.09], [247, 0.1, 0.16]], asks: [[784, 0, 0.1], [784, 0.16, 0.1]], lost: [[196, 0, 0.25], [196, 0.35, 0.25], [196, 0.7, 0.25]],
  stop_unverified: [[880, 0, 0.2], [587, 0.22, 0.2], [880, 0.44, 0.2], [587, 0.66, 0.2], [880, 0.88, 0.2], [587, 1.1, 0.2]] };
function play(tune, context, at) {
  for (const [hz, from, length] of TUNES[tune]) {
    const tone = context.createOscillator(), level = context.createGain();
    tone.frequency.value = hz;
    tone.type = tune === 'pass' ? 'sine' : 'square';
    level.gain.setValueAtTime(0.25, at + from);
    level.gain.setTargetAtTime(0, at + from + length - 0.03, 0.01);
    tone.connect(level).connect(context.destination);
    tone.start(at + from);
    tone.stop(at + from + length + 0.1);
  }
}
function sound(word) {
  try {
    document.body.dataset.sounds = ((document.body.dataset.sounds || '') + ' ' + word).trim().split(' ').slice(-8).join(' ');
    audio = audio || new AudioContext();
    if (audio.state === 'suspended') audio.resume();
    play(word, audio, audio.currentTime);
  } catch (e) { /* no sound here: word, colour and shape say it too */ }
}
addEventListener('pointerdown', () => { try { audio = audio || new AudioContext(); audio.resume(); } catch (e) { /* as above */ } }, { once: true });

/* ---- who signs in, what a supervisor decides ---- */
let dialog = '', deciding = '', signing = '';
const field = id => $(id).value.trim();
function show(which) {
  dialog = which;
  for (const id of ['pin-text', 'pin-who', 'decide-pin', 'decide-who', 'decide-why']) $(id).value = '';
  drawDialog();
  if (which === 'pin') $(bench.signing ? 'pin-text' : 'pin-who').focus();
  if (which === 'decide') $('decide-who').focus();
  if (!which && document.activeElement) document.activeElement.blur();
}
function signIn() {
  const pin = field('pin-text'), who = bench.signing || field('pin-who');
  if (!who || !pin) { $(who ? 'pin-text' : 'pin-who').focus(); return; }
  $('pin-text').value = '';
  order('sign_in', { who, pin });
}
function decideAs(decision) {
  const empty = ['decide-who', 'decide-pin', 'decide-why'].find(id => !field(id));
  if (empty) { $(empty).focus(); return; }
  order('decide', { serial: deciding, decision, who: field('decide-who'), pin: field('decide-pin'), reason: field('decide-why') });
  show('');
}
/* The unit that a supervisor may decide about: the one whose verdict stands, or whose code was refused for it. */
const decidable = () => !station || !station.accounts || !bench || isBusy() ? '' : ['no_more_attempts', 'held', 'rejected'].includes(bench.refused) ? bench.refused_detail
  : bench.view === 'verdict' && ['fail', 'held'].includes(bench.verdict.word) ? bench.serial : '';
function drawDialog() {
  const busy = isBusy(), wanted = bench && bench.signing && !busy;
  const another = wanted && signing !== bench.signing; /* a PIN is one person's */
  signing = bench && bench.signing;
  if (wanted && (dialog !== 'pin' || another)) { show('pin'); return; }
  if ((dialog && busy) || (dialog === 'pin' && (!station.accounts || (!wanted && bench.operator)))) { show(''); return; } /* beside a test nothing is asked for */
  mark('dialog', dialog);
  for (const id of ['pin', 'decide']) set($(id).style, 'top', $('refusal').classList.contains('shown') ? $('refusal').offsetHeight + 'px' : ''); /* nothing to be typed at lies behind the bar */
  set($('supervisor'), 'hidden', dialog !== '' || !decidable());
  put('supervisor', say('supervisor'));
  if (dialog === 'pin') {
    put('pin-word', wanted ? say('pin_of', { name: bench.signing }) : say('sign_in_button'));
    set($('pin-who'), 'hidden', Boolean(wanted));
    set($('pin-who'), 'placeholder', say('name_or_badge'));
    set($('pin-text'), 'placeholder', 'PIN');
    put('pin-ok-word', say('done'));
    put('pin-cancel', say('cancel'));
  }
  if (dialog !== 'decide') return;
  putKept('decide-word', say('decide', { serial: deciding }));
  set($('decide-who'), 'placeholder', say('supervisor_badge'));
  set($('decide-pin'), 'placeholder', 'PIN');
  set($('decide-why'), 'placeholder', say('reason'));
  for (const word of ['cancel', 'retest', 'accept', 'reject']) put('decide-' + word, say(word));
}
function makePad() {
  for (const key of ['1', '2', '3', '4', '5', '6', '7', '8', '9', '⌫', '0']) {
    const e = document.createElement('button');
    e.type = 'button';
    e.textContent = key;
    e.addEventListener('click', () => { const t = $('pin-text'); t.value = key === '⌫' ? t.value.slice(0, -1) : t.value + key; });
    $('pad').append(e);
  }
}

/* ---- drawing ---- */
const SHAPES = {
  pass: '<svg viewBox="0 0 100 100"><circle cx="50" cy="50" r="44"/><path d="M27 52 44 69 74 33" stroke-width="10"/></svg>',
  fail: '<svg viewBox="0 0 100 100"><path d="M31 5h38l26 26v38l-26 26h-38l-26-26v-38z"/><path d="M32 32 68 68M68 32 32 68" stroke-width="11"/></svg>',
  not_tested: '<svg viewBox="0 0 100 100"><path d="M50 4 96 50 50 96 4 50z"/><path d="M38 40c0-18 25-17 25-2 0 10-13 10-13 22M50 67v9" stroke-width="8"/></svg>',
  held: '<svg viewBox="0 0 100 100"><rect x="8" y="8" width="84" height="84" rx="10"/><path d="M38 30v40M62 30v40" stroke-width="13"/></svg>',
  stop_unverified: '<svg viewBox="0 0 100 100"><path d="M50 7 95 90H5z"/><path d="M50 36v28M50 72v9" stroke-width="9"/></svg>',
};
const SIGNS = { pass: '✓', fail: '✗', not_tested: '?', held: '‖', stop_unverified: '!' };

function fitWord() {
  const e = $('word'), v = $('verdict');
  if (bench === null || bench.view !== 'verdict') return;
  const lines = say('word_' + bench.verdict.word).split('\n'), c = document.createElement('canvas').getContext('2d');
  if (e.dataset.text !== lines.join('\n')) e.replaceChildren(...lines.flatMap((line, i) => i ? [document.createElement('br'), document.createTextNode(line)] : [document.createTextNode(line)]));
  set(e.dataset, 'text', lines.join('\n'));
  c.font = '800 100px ' + getComputedStyle(e).fontFamily;
  const widest = Math.max(...lines.map(line => c.measureText(line).width)), row = v.querySelector('.row').getBoundingClientRect();
  const portrait = innerWidth / innerHeight < 0.8, shape = $('shape').getBoundingClientRect();
  const width = portrait ? row.width : row.width - shape.width - 0.03 * innerWidth, height = portrait ? row.height - shape.height - 0.02 * innerHeight : row.height;
  const size = Math.max(20, Math.min(width / widest * 98, height / lines.length / 0.98, 0.5 * innerHeight));
  const stretch = Math.min(1.7, Math.max(1, 0.175 * innerHeight / size), Math.max(1, height / (size * lines.length * 0.98)));
  set(e.style, 'fontSize', size + 'px');
  set(e.style, 'transform', stretch > 1 ? 'scaleY(' + stretch + ')' : '');
  const below = portrait && stretch > 1 ? (stretch - 1) * size * lines.length * 0.98 + 'px' : '';
  set(e.style, 'marginBottom', below);
}

function range(v, digits) {
  const lower = number(v.lower, digits), upper = number(v.upper, digits);
  return v.lower === undefined ? say('at_most', { upper }) : v.upper === undefined ? say('at_least', { lower }) : say('from_to', { lower, upper });
}
function decided(v) {
  if (!v.measurand) return '';
  const unit = v.unit === '1' ? '' : v.unit === 'degC' ? '°C' : v.unit, values = { name: say('m_' + v.measurand), value: number(v.value, 3), unit, range: range(v, 3), margin: number(Math.abs(v.margin), 3), point: v.point || '' };
  return fill(say(v.margin < 0 ? 'decided_beyond' : 'decided_within'), values).replace(/\s+([,:.])/g, '$1').replace(/\s+/g, ' ').trim();
}
function drawVerdict() {
  const v = bench.verdict, e = $('verdict');
  set(e, 'className', v.word);
  if ($('shape').dataset.word !== v.word) { $('shape').dataset.word = v.word; $('shape').innerHTML = SHAPES[v.word] || ''; }
  put('v-serial', bench.serial);
  putKept('v-why', v.why && v.word !== 'fail' ? say('why_' + v.why) : decided(v) || v.reason || '');
  put('v-todo', v.word === 'fail' ? (v.fail_to || say('todo_fail')) + (v.again ? ' ' + say('todo_again') : '') : say('todo_' + v.word) + (v.unasked ? ' ' + say('todo_unasked') : ''));
  put('v-next', v.word === 'stop_unverified' ? '' : say('next'));
  fitWord();
}

function drawBar(id, title, figure, unit, digits, measuring) {
  const e = $(id), f = figure || {}, lo = f.lower, hi = f.upper, known = f.value !== undefined;
  const open = lo === undefined || hi === undefined, out = measuring && known && ((lo !== undefined && f.value < lo) || (hi !== undefined && f.value > hi));
  set(e.querySelector('b'), 'textContent', title);
  set(e.querySelector('output'), 'textContent', known ? fixed(f.value, digits) + ' ' + unit + (out ? ' !' : '') : '–');
  e.classList.toggle('open', open);
  e.classList.toggle('out', out);
  if (open) return;
  set(e.querySelector('em.lo'), 'textContent', number(lo, 3));
  set(e.querySelector('em.hi'), 'textContent', number(hi, 3));
  set(e.querySelector('s').style, 'display', known ? '' : 'none');
  if (known) set(e.querySelector('s').style, 'left', Math.min(99, Math.max(1, 25 + 50 * (f.value - lo) / (hi - lo))) + '%');
}

let trace = [], traceOf = '', toldLast = '';
function drawTrace() {
  const canvas = $('trace'), box = canvas.getBoundingClientRect(), scale = devicePixelRatio || 1, now = performance.now();
  if (box.width < 2 || box.height < 2) return;
  set(canvas, 'width', Math.floor(box.width * scale));
  set(canvas, 'height', Math.floor(box.height * scale));
  trace = trace.filter(p => now - p.at < TRACE_MS);
  const c = canvas.getContext('2d');
  c.clearRect(0, 0, canvas.width, canvas.height);
  if (trace.length < 2) return;
  const values = trace.map(p => p.n), lo = Math.min(0, ...values), hi = Math.max(0.5, ...values), begin = Math.max(now - TRACE_MS, trace[0].at - 1);
  c.lineWidth = 3 * scale;
  c.strokeStyle = getComputedStyle(document.body).getPropertyValue('--mark');
  c.beginPath();
  for (const p of trace) c.lineTo((p.at - begin) / TRACE_MS * canvas.width, canvas.height * (0.92 - 0.84 * (p.n - lo) / (hi - lo)));
  c.stroke();
}

let fullTime = 0;
function drawRunning() {
  const l = bench.live || {};
  putKept('point', l.points ? say('point', { point: l.point, points: l.points }) : say('begins'));
  put('left', l.remaining_s > 0 ? say('left', { seconds: Math.ceil(l.remaining_s) }) : '');
  if (l.remaining_s > fullTime) fullTime = l.remaining_s;
  set($('done'), 'value', fullTime > 0 && l.remaining_s !== undefined ? Math.max(0, 1 - l.remaining_s / fullTime) : 0);
  put('stage', bench.stopping ? say('stopping') : bench.hook ? say('hook', { name: bench.hook }) : say('stage_' + (l.stage || 'opening')));
  drawBar('bar-rate', say('rate'), l.rate, 'Hz', 1, l.stage === 'measuring');
  drawBar('bar-depth', say('depth'), l.depth, 'mm', 2, l.stage === 'measuring');
  drawBar('bar-handle', say('handle'), { value: l.handle_c }, '°C', 1);
  put('trace-word', say('trace'));
  drawTrace();
}

/* A drawing of what is to be done, where the station's file names no picture of it. */
const PEN = '<path d="M42 6h16v40l-8 16-8-16z"/><path d="M50 62v10"/>';
const DRAWING_LINES = {
  put_phantom: PEN + '<rect x="22" y="76" width="56" height="16"/>' + '<path d="M4 84h12M10 78l6 6-6 6"/>',
  take_phantom_away: PEN + '<rect x="4" y="76" width="40" height="16" stroke-dasharray="5 4"/><path d="M54 84h34M80 77l8 7-8 7"/>',
  set_stage: PEN + '<path d="M14 92h72M86 58v28M80 64l6-6 6 6M80 80l6 6 6-6"/>',
  scan_pen: PEN + '<path d="M8 24v34M16 24v34M22 24v34M30 24v34M68 24v34M76 24v34M84 24v34M92 24v34"/>',
  set_dial: '<circle cx="50" cy="50" r="34"/><path d="M50 50 70 26" stroke-width="7"/><path d="M50 6v8M94 50h-8M6 50h8M19 19l6 6M81 19l-6 6"/>',
  attend: PEN + '<circle cx="80" cy="74" r="14"/><path d="M80 62v12" stroke-width="6"/>',
  open_input: '<circle cx="50" cy="56" r="30"/><path d="M50 6v30M40 26l10 10 10-10"/><path d="M36 56h28" stroke-width="6"/>',
  close_input: '<circle cx="50" cy="56" r="30"/><path d="M50 36V6M40 16 50 6l10 10"/><path d="M36 56h28" stroke-width="6"/>',
  switch_off: '<circle cx="50" cy="54" r="34"/><path d="M50 8v40" stroke-width="9"/>',
  check: '<rect x="16" y="12" width="68" height="80" rx="6"/><path d="M28 34l8 8 12-16M58 36h16M28 64l8 8 12-16M58 66h16"/>',
};
const DRAWING_SHAPES = Object.fromEntries(Object.entries(DRAWING_LINES).map(([key, lines]) => [key, '<svg viewBox="0 0 100 100" aria-hidden="true">' + lines + '</svg>']));
function drawPicture(id, url, drawing) {
  const e = $(id), wanted = url || drawing || '';
  if (e.dataset.shows === wanted) return;
  e.dataset.shows = wanted;
  set(e, 'hidden', !wanted);
  e.replaceChildren();
  if (url) {
    const image = document.createElement('img');
    image.alt = '';
    image.addEventListener('error', () => { if (e.dataset.shows === url) drawPicture(id, '', drawing); });
    image.src = url;
    e.append(image);
  } else if (drawing) e.innerHTML = DRAWING_SHAPES[drawing] || '';
}
function drawNeed() {
  const wants = bench.wants, check = bench.check;
  set($('need'), 'hidden', !wants);
  set($('need-choices'), 'hidden', !check);
  set($('start'), 'hidden', Boolean(wants));
  drawPicture('need-picture', check && check.picture, check ? 'check' : wants ? 'scan_pen' : '');
  putKept('need-word', check ? check.text : wants ? say('want_' + wants) : '');
  putKept('need-more', check ? say('check_of', check) : wants ? say('want_more') : '');
  put('need-done-word', say('done'));
  put('need-no', say('not_so'));
}

function drawPrompt() {
  const p = bench.prompt, text = say('q_' + p.question, p);
  putKept('prompt-word', text);
  $('prompt-word').classList.toggle('long', text.length > 48);
  putKept('prompt-more', p.question === 'put_phantom' ? say('q_more', p) : p.question === 'scan_pen' ? say('q_read_more') : '');
  drawPicture('prompt-picture', p.picture, p.question);
  const read = $('prompt-read'), wanted = p.question === 'scan_pen';
  set(read, 'hidden', !wanted);
  label(read, say('serial'));
  put('prompt-done-word', say('done'));
  put('give-up', say('give_up'));
}

/* A question that has not been on the page yet. */
function drawAsked() {
  const name = asksNow() ? [bench.name, bench.serial, bench.view, asksNow().id].join(' ') : '';
  if (askedShown === name) return;
  askedShown = name;
  $('prompt-read').value = '';
  if (name) readAnew();
}

/* What runs out: calibrations, the reference pen's pass, the disk. */
function dueText() {
  const h = bench && bench.health, parts = [];
  if (h && h.calibration_days !== undefined) parts.push(say('due_calibration', { days: h.calibration_days }));
  if (h && h.golden_days !== undefined) parts.push(say('due_golden', { days: fixed(h.golden_days, h.golden_days < 3 ? 1 : 0) }));
  if (station.disk_gb !== undefined) parts.push(say('disk', { gb: number(station.disk_gb, station.disk_gb < 10 ? 1 : 0) }));
  return parts.join(' · ');
}

/* Said where it takes long enough to be read. */
let askingOf = '', askingSince = 0;
function asks() {
  const unit = bench && bench.asking;
  if (unit && askingOf !== unit) { askingSince = performance.now(); setTimeout(draw, ASKING_MS + 20); }
  askingOf = unit;
  return unit && performance.now() - askingSince >= ASKING_MS;
}

function drawFoot() {
  if (!station) return;
  put('warn', asks() ? say('asking', bench) : station.devices_gone ? say('devices_gone') : bench && bench.history_gone ? say('history_gone') : bench && bench.fleet_gone ? say('fleet_gone') : bench && bench.health && bench.health.word ? say('health_' + bench.health.word) : '');
  put('due', $('warn').textContent ? '' : dueText()); /* a warning has the room */
  put('today', say('today', { n: station.today }));
  put('yield', station.firsts ? say('yield', { percent: Math.round(100 * station.first_passes / station.firsts) }) : '');
  const counts = new Map(); /* what was held and is green stands there twice, by the name of one run */
  const units = station.last.map(u => {
    const key = u.name + ' ' + u.word;
    counts.set(key, (counts.get(key) || 0) + 1);
    return { ...u, key: key + ' ' + counts.get(key) };
  });
  putList('last', units.reverse(), makeUnit);
}
function makeUnit(u) {
  const a = document.createElement(KIOSK ? 'span' : 'a');
  a.className = u.word;
  a.textContent = SIGNS[u.word] || '';
  a.title = u.serial;
  if (KIOSK) return a;
  a.href = 'reports/' + encodeURIComponent(u.name);
  a.target = '_blank';
  a.rel = 'noopener';
  return a;
}

function drawHead() {
  const busy = isBusy();
  mark('busy', busy ? 'yes' : 'no');
  put('head-serial', busy || bench.view === 'armed' ? bench.serial : '');
  put('person', bench.operator ? say('sign_out', { name: bench.operator }) : station && station.accounts ? say('sign_in_button') : '');
  put('stop-word', say('stop'));
  putList('benches', Array.from({ length: station ? station.benches : 1 }, (_, i) => ({ i, key: i === BENCH ? 'own ' + bench.label : String(i) })), makeBench);
}
function makeBench({ i }) {
  const e = document.createElement(i === BENCH ? 'span' : 'a');
  e.textContent = i === BENCH ? bench.label : i + 1;
  if (i !== BENCH) e.href = '?bench=' + i + (KIOSK ? '&kiosk' : '');
  return e;
}

function drawRefusal() {
  $('refusal').classList.toggle('shown', unheard !== null || Boolean(bench && bench.refused));
  mark('unheard', unheard ? unheard.status : '');
  if (unheard) putKept('refusal', say(unheard.word || (unheard.stop ? 'unheard_stop' : 'unheard'), unheard));
  else if (bench && bench.refused) putKept('refusal', say('no_' + bench.refused, { detail: bench.refused_detail }));
}

function draw() {
  if (!bench || !words) return;
  mark('view', bench.view);
  mark('serial', bench.serial);
  mark('word', bench.view === 'verdict' ? bench.verdict.word : '');
  mark('refused', bench.refused);
  mark('refusals', bench.refusals);
  drawHead();
  drawFoot();
  drawRefusal();
  drawDialog();
  emptyTyped();
  set($('typed'), 'placeholder', say('serial'));
  label($('typed'), say('serial'));
  if (bench.view === 'ready') { const badge = station && station.sign_in && !bench.operator; put('ready-word', asks() ? say('asking', bench) : say(badge ? 'sign_in' : 'scan')); put('ready-hint', badge ? (station.accounts ? say('sign_in_hint') : '') : say('scan_hint')); }
  drawAsked();
  if (bench.view === 'armed') { drawNeed(); put('armed-product', bench.product); put('armed-serial', bench.serial); put('start-word', say('start')); }
  if (bench.view === 'running') drawRunning();
  if (bench.view === 'prompt') drawPrompt();
  if (bench.view === 'verdict') drawVerdict();
}

/* ---- what the station says ---- */
let source = null, heardMono = performance.now(), heardWall = Date.now(), heardAt = new Date();
const silence = () => Math.max(performance.now() - heardMono, Date.now() - heardWall);
function heard() {
  heardMono = performance.now();
  heardWall = Date.now();
  heardAt = new Date();
  mark('heard', 'yes');
}
function onBench(e) {
  const news = JSON.parse(e.data), before = bench;
  heard();
  if (news.bench !== BENCH) return;
  if (news.name !== traceOf) { trace = []; traceOf = news.name; fullTime = 0; }
  if (news.live && news.live.force_n !== undefined) trace.push({ at: performance.now(), n: news.live.force_n });
  bench = news;
  draw();
  if (before && news.refusals > before.refusals) sound('refused');
  if (before && news.prompt && !(before.prompt && before.name === news.name && before.prompt.id === news.prompt.id)) sound('asks');
  if (before && news.wants && news.view === 'armed' && !(before.wants === news.wants && before.serial === news.serial && (before.check || {}).id === (news.check || {}).id)) sound('asks');
  /* Told once for each verdict: also for one that was formed while this page was away, never for one that it found. */
  const told = news.view === 'verdict' ? news.name + ' ' + news.verdict.word : '';
  if (told && before && told !== toldLast) sound(news.verdict.word);
  if (told) toldLast = told;
}
function onStation(e) {
  heard();
  station = JSON.parse(e.data);
  set(document, 'title', station.name);
  learn(['en', 'de'].includes(asked.get('lang')) ? asked.get('lang') : station.language);
  draw();
}
function listen() {
  if (source) source.close();
  source = new EventSource('events');
  source.addEventListener('bench', onBench);
  source.addEventListener('station', onStation);
  source.addEventListener('beat', heard);
}
const clock = () => format(Intl.DateTimeFormat, { hour: '2-digit', minute: '2-digit' }).format(new Date());
function watch() {
  put('clock', clock());
  if (silence() < SILENCE_MS) return;
  if (document.body.dataset.heard !== 'no') {
    mark('heard', 'no');
    sound('lost');
    put('cover-word', say('lost'));
    put('cover-since', say('lost_since', { time: heardAt.toLocaleTimeString(language || 'en') }));
    put('cover-todo', say('lost_todo'));
  }
  if ((source.readyState === EventSource.CLOSED || silence() > 2 * SILENCE_MS) && !document.hidden && Date.now() - lastTry > 1000) { lastTry = Date.now(); listen(); }
}
let lastTry = 0, hiddenTimer = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => source.close(), HIDDEN_MS);
  else { watch(); if (source.readyState === EventSource.CLOSED) listen(); }
});
$('typed').addEventListener('input', awaitMore);
$('stop').addEventListener('click', stop);
for (const id of ['verdict', 'armed-serial']) $(id).addEventListener('click', openTyped); /* on a screen that is touched the next one is typed too */
$('start').addEventListener('click', () => start());
$('prompt-done').addEventListener('click', done);
$('give-up').addEventListener('click', giveUp);
$('need-done').addEventListener('click', done);
$('need-no').addEventListener('click', giveUp);
$('person').addEventListener('click', () => { if (bench && bench.operator) order('sign_out'); else if (bench && station && station.accounts) show('pin'); });
$('pin-ok').addEventListener('click', signIn);
$('pin-cancel').addEventListener('click', () => { order('sign_out'); show(''); });
$('supervisor').addEventListener('click', () => { deciding = decidable(); show('decide'); });
$('decide-cancel').addEventListener('click', () => show(''));
for (const word of ['retest', 'accept', 'reject']) $('decide-' + word).addEventListener('click', () => decideAs(word));
makePad();
addEventListener('resize', () => draw());
setInterval(watch, WATCH_MS);
put('clock', clock());
learn(asked.get('lang') === 'de' ? 'de' : 'en');
listen();
