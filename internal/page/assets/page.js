// Follows what happens: one visible tab listens for news, tells the others, and each
// visible tab loads its own page again. Without all this the page still works.
'use strict';
(() => {
  const body = document.body, sign = document.getElementById('live');
  const pollEvery = 15000, patience = 1000;
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('reconciler' + new URL(body.dataset.live, location).pathname) : null;
  let stream = null, release = null, asking = null, timer = 0, loading = false, again = false, etag = '';

  const say = (text) => { if (sign.textContent !== text) sign.textContent = text; };

  // refresh loads this page again and replaces the parts that changed.
  async function refresh() {
    if (document.hidden) return;
    if (loading) { again = true; return; }
    loading = true;
    try {
      const answer = await fetch(location.href, { headers: etag ? { 'If-None-Match': etag } : {}, cache: 'no-store', redirect: 'manual' });
      if (answer.type === 'opaqueredirect' || answer.status === 401) { location.reload(); return; }
      if (answer.status === 200) {
        etag = answer.headers.get('ETag') || '';
        swap(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      } else if (answer.status === 304) {
        made(answer.headers.get('Date'));
      }
      say(stream || (channel && !asking) ? body.dataset.following : body.dataset.polled);
    } catch (e) {
      say(body.dataset.lost);
    } finally {
      loading = false;
      if (again) { again = false; soon(); }
    }
  }

  function swap(next) {
    for (const part of document.querySelectorAll('[data-swap]')) {
      const found = next.querySelector('[data-swap="' + part.dataset.swap + '"]');
      if (!found || part.innerHTML === found.innerHTML) continue;
      const open = [...part.querySelectorAll('details[open][id]')].map((d) => d.id);
      const at = part.contains(document.activeElement) ? document.activeElement : null;
      const link = at && (at.id ? '#' + CSS.escape(at.id) : at.getAttribute('href') ? '[href="' + CSS.escape(at.getAttribute('href')) + '"]' : null);
      part.replaceChildren(...found.childNodes);
      for (const id of open) { const d = part.querySelector('#' + CSS.escape(id)); if (d) d.open = true; }
      if (link) { const again = part.querySelector(link); if (again) again.focus({ preventScroll: true }); }
    }
    const foot = next.querySelector('.foot time'), own = document.querySelector('.foot time');
    if (foot && own) own.replaceWith(foot);
  }

  // made says that the page is as it was at a time.
  function made(date) {
    const at = new Date(date), own = document.querySelector('.foot time');
    if (!date || isNaN(at) || !own) return;
    own.dateTime = at.toISOString().slice(0, 19) + 'Z';
    own.textContent = own.dateTime.replace('T', ' ').replace('Z', ' UTC');
  }

  let pending = 0;
  function soon() { if (!pending) pending = setTimeout(() => { pending = 0; refresh(); }, 150); }

  function poll(on) {
    clearInterval(timer);
    timer = on ? setInterval(refresh, pollEvery) : 0;
  }

  // listen opens the stream. Where it does not open in time, as when the browser has
  // no connection left for it, the tab looks again by itself.
  function listen() {
    const mine = stream = new EventSource(body.dataset.live);
    const late = setTimeout(() => { if (mine.readyState !== EventSource.OPEN) poll(true); }, patience);
    mine.onopen = () => { clearTimeout(late); poll(false); say(body.dataset.following); soon(); };
    mine.onerror = () => { poll(true); if (mine.readyState === EventSource.CLOSED) hush(); };
    mine.addEventListener('news', () => { soon(); if (channel) channel.postMessage('news'); });
    mine.addEventListener('end', () => location.reload());
  }

  function hush() {
    if (stream) stream.close();
    stream = null;
    if (release) release();
    release = null;
  }

  // begin asks for the one place of the tab that listens. Whoever does not have it is
  // told by whoever has, and looks by itself now and then.
  function begin() {
    if (document.hidden || asking) return;
    poll(true);
    if (!navigator.locks || !channel) return;
    asking = new AbortController();
    navigator.locks.request('reconciler-live', { signal: asking.signal }, () => new Promise((done) => {
      if (document.hidden) { done(); return; }
      release = done;
      listen();
    })).catch(() => {}).finally(() => { asking = null; });
  }

  function end() {
    poll(false);
    if (asking) asking.abort();
    asking = null;
    hush();
  }

  if (channel) channel.onmessage = () => soon();
  document.addEventListener('visibilitychange', () => { if (document.hidden) end(); else { begin(); refresh(); } });
  addEventListener('pagehide', end);
  addEventListener('pageshow', (e) => { if (e.persisted) { begin(); refresh(); } });
  for (const form of document.querySelectorAll('form.filter')) {
    form.addEventListener('formdata', (e) => {
      for (const [name, value] of [...e.formData]) if (value === '' && form.elements[name].type !== 'checkbox') e.formData.delete(name);
    });
    form.addEventListener('change', (e) => { if (e.target.matches('select, [type=checkbox]')) form.requestSubmit(); });
  }
  begin();
})();
