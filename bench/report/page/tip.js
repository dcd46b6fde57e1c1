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
  let showFocused = null;  // shows the box again beside what the keyboard has come to

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

  // By pointer, by finger and by keyboard. A finger leaves as soon as it is lifted, and the click comes after that.
  function attach(target, linesOf) {
    const showAtPointer = ({clientX, clientY}) => show(linesOf(), clientX, clientY);
    target.tabIndex = 0;
    target.addEventListener('pointermove', showAtPointer);
    target.addEventListener('pointerleave', hide);
    target.addEventListener('click', showAtPointer);
    target.addEventListener('focus', () => {
      if (!target.matches(':focus-visible')) return;  // a pointer has brought the focus
      showFocused = () => {
        const {left, bottom} = target.getBoundingClientRect();
        show(linesOf(), left, bottom - kGap);
      };
      showFocused();
    });
    target.addEventListener('blur', () => {
      showFocused = null;
      hide();
    });
  }

  document.addEventListener('keydown', ({key}) => {
    if (key !== 'Escape') return;
    showFocused = null;
    hide();
  });
  // To come to what has the focus, the browser may scroll after the box has been shown: it moves along.
  document.addEventListener('scroll', () => showFocused ? showFocused() : hide(), {passive: true});
  return {attach, show, hide};
})();
