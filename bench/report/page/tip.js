// The box with values beside the pointer, one for the whole page.
//
// Use: tip.attach(bar, () => ['distflow', 'median 26.7 M messages/s']), or tip.show(lines, x, y) and tip.hide().
'use strict';

const tip = (() => {
  const kGap = 14;   // from the pointer, in pixels
  const box = dom.element('div', 'tip');
  box.id = 'tip';
  box.setAttribute('role', 'status');
  box.hidden = true;

  // The first line is the heading. x and y are of the window; the box stays within it.
  function show(lines, x, y) {
    if (!box.isConnected) document.body.append(box);
    box.replaceChildren(...lines.map((line, i) => dom.element('div', i === 0 ? 'tip-head' : '', line)));
    box.hidden = false;
    const {width, height} = box.getBoundingClientRect();
    const root = document.documentElement;
    const isRoomBelow = y + kGap + height <= root.clientHeight;
    box.style.left = `${Math.max(0, Math.min(x + kGap, root.clientWidth - width))}px`;
    box.style.top = `${Math.max(0, isRoomBelow ? y + kGap : y - kGap - height)}px`;
  }

  function hide() {
    box.hidden = true;
  }

  // By pointer, by finger and by keyboard.
  function attach(target, linesOf) {
    target.tabIndex = 0;
    target.addEventListener('pointermove', (event) => show(linesOf(), event.clientX, event.clientY));
    target.addEventListener('pointerleave', hide);
    target.addEventListener('focus', () => {
      const {left, bottom} = target.getBoundingClientRect();
      show(linesOf(), left, bottom - kGap);
    });
    target.addEventListener('blur', hide);
  }

  document.addEventListener('keydown', ({key}) => { if (key === 'Escape') hide(); });
  document.addEventListener('scroll', hide, {passive: true});
  return {attach, show, hide};
})();
