"""What the browser's tests look at inside a page, as expressions of JavaScript."""

OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"

# Elements that stick out of the page, other than inside of a region that scrolls.
TOO_WIDE = """
[...document.querySelectorAll('body *')]
    .filter(one => !one.closest('.scroll, .skip') && one.getBoundingClientRect().right > innerWidth + 1)
    .map(one => one.outerHTML.slice(0, 100))
"""

# Luminance by WCAG 2: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
_COLOURS = """
const channels = colour => (colour.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number)
const luminance = colour => {
    const [red, green, blue] = channels(colour).slice(0, 3)
        .map(one => one / 255).map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
const seen = colour => colour !== 'none' && (channels(colour)[3] ?? 1) > 0
"""

BACKGROUND = "(() => {" + _COLOURS + "return luminance(getComputedStyle(document.body).backgroundColor) })()"

# The contrast of each text with the nearest background behind it; in the graph, with the last rectangle under it.
CONTRASTS = (
    "(() => {"
    + _COLOURS
    + """
const behind = text => {
    if (text instanceof SVGElement) {
        const at = text.getBBox(), x = at.x + at.width / 2, y = at.y + at.height / 2
        const under = [...text.parentNode.querySelectorAll('rect')].filter(one => {
            const box = one.getBBox()
            return box.x <= x && x <= box.x + box.width && box.y <= y && y <= box.y + box.height
        })
        return getComputedStyle(under.at(-1)).fill
    }
    for (let one = text; one; one = one.parentElement) {
        const colour = getComputedStyle(one).backgroundColor
        if (seen(colour)) return colour
    }
    return 'rgb(255, 255, 255)'
}
const found = []
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
while (walker.nextNode()) {
    const one = walker.currentNode.parentElement
    if (!walker.currentNode.data.trim() || one.closest('title, desc, style, .skip')) continue
    const style = getComputedStyle(one)
    const fore = luminance(one instanceof SVGElement ? style.fill : style.color), back = luminance(behind(one))
    const ratio = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05)
    found.push({text: walker.currentNode.data.trim().slice(0, 40), ratio: Math.round(ratio * 100) / 100})
}
return found
})()"""
)

# What assistive technology could not name: see each remark.
NAMELESS = """
(() => {
const problems = []
const check = (selector, good, problem) => document.querySelectorAll(selector).forEach(one => {
    if (!good(one)) problems.push(`${problem}: ${one.outerHTML.slice(0, 120)}`)
})
const labelled = one => (one.getAttribute('aria-label') || '').trim() || (one.getAttribute('aria-labelledby') || '')
    .split(' ').every(id => document.getElementById(id)?.textContent.trim())
check('html', one => one.lang, 'no language')
check('title', one => one.textContent.trim(), 'no title')
check('[aria-labelledby]', labelled, 'a label that leads nowhere')
check('section, nav, [role=region], [role=img]', labelled, 'a landmark, region or picture without a name')
check('[tabindex]', one => one.tabIndex === 0 && one.getAttribute('role'), 'a tab stop without a role')
check('.scroll', one => one.getAttribute('tabindex') === '0', 'a region that only a mouse scrolls')
check('a, summary, th, h1, h2, h3, h4', one => one.textContent.trim(), 'nothing to read')
check('details', one => one.firstElementChild.tagName === 'SUMMARY', 'a fold without a summary')
check('th', one => one.scope, 'a header of neither row nor column')
check('dl', one => [...one.children].every(row => row.querySelector('dt') && row.querySelector('dd')), 'half a pair')
check('ul, ol', one => [...one.children].every(item => item.tagName === 'LI'), 'not an item')
check('a[href]', one => document.getElementById(one.getAttribute('href').slice(1)), 'a link that leads nowhere')
check('svg[role=img] a, svg[role=img] [tabindex]', () => false, 'a tab stop inside a picture')
const ids = [...document.querySelectorAll('[id]')].map(one => one.id)
if (new Set(ids).size !== ids.length) problems.push('an id occurs twice')
return problems
})()
"""

# Where texts of a line of a difference begin, from left to right.
PLACES = """
texts => {
    const line = document.querySelector('.diff span').firstChild
    return texts.map(text => {
        const range = document.createRange()
        range.setStart(line, line.data.indexOf(text))
        range.setEnd(line, line.data.indexOf(text) + text.length)
        return range.getBoundingClientRect().left
    })
}
"""
