// Elements with classes and text. What a results file says enters the page here, as text and never as markup.
//
// Use: dom.element('p', 'note', 'Lost rounds: ', name)
'use strict';

const dom = (() => {
  const kSvg = 'http://www.w3.org/2000/svg';

  // Children are elements or texts; null and '' are left out.
  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children.filter((child) => child !== null && child !== ''));
    return made;
  }

  // A short piece of a curve, as it is drawn in the chart.
  function swatch({colour, dash, width}) {
    const svg = document.createElementNS(kSvg, 'svg');
    svg.setAttribute('class', 'swatch');
    svg.setAttribute('aria-hidden', 'true');
    const path = document.createElementNS(kSvg, 'path');
    path.setAttribute('d', 'M0 4H22');
    path.setAttribute('stroke', `var(${colour})`);
    path.setAttribute('stroke-width', width);
    path.setAttribute('stroke-dasharray', dash.join(' '));
    svg.append(path);
    return svg;
  }

  return {element, swatch};
})();
