// Waiting that always ends: with what was waited for, or with an error that names it.

// How long a test waits for anything before it calls it missing. Far beyond what a busy machine needs.
export const kPatienceMs = 8000;

export function within(promise, what, timeoutMs = kPatienceMs) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms waiting for ${what}`)), timeoutMs);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

// What has arrived and was not taken yet, in order. It can be asked for the next item, or the next of a kind.
export class Inbox {
  #items = [];
  #waiters = [];
  #endReason = null;

  get items() {
    return [...this.#items];
  }

  push(item) {
    const index = this.#waiters.findIndex((waiter) => waiter.accepts(item));
    if (index < 0) this.#items.push(item);
    else this.#waiters.splice(index, 1)[0].resolve(item);
  }

  // Nothing more will come: whoever waits is told why.
  end(reason) {
    this.#endReason ??= reason;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#missing(waiter.what));
  }

  next({accepts = () => true, what = 'an item', timeoutMs = kPatienceMs} = {}) {
    const index = this.#items.findIndex(accepts);
    if (index >= 0) return Promise.resolve(this.#items.splice(index, 1)[0]);
    if (this.#endReason) return Promise.reject(this.#missing(what));
    const waiter = {accepts, what};
    const arrival = new Promise((resolve, reject) => Object.assign(waiter, {resolve, reject}));
    this.#waiters.push(waiter);
    return within(arrival, what, timeoutMs).finally(() => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    });
  }

  #missing(what) {
    return new Error(`${this.#endReason} while waiting for ${what}`);
  }
}
