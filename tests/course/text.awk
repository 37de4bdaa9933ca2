# A chapter as a test. In a block ```console, lines "$ COMMAND" are commands (a backslash at the end goes on in the next
# line) and what follows is what they print: written to DIR/NAME.sh and DIR/NAME.out, NAME counting from 1. Standard output gets
# the numbers of the prose that need a source: those with a decimal point or of three digits and more, outside of the
# blocks, the indented formulas, the exercises and the sources.
BEGIN { n = 0 }
/^```/ { inside = !inside; console = inside && /^```console/; next }
console && /^\$ / || more {
  if (!more) { n++; printf "" >(dir "/" n ".sh"); printf "" >(dir "/" n ".out") }
  line = more ? $0 : substr($0, 3)
  more = line ~ /\\$/
  print line >(dir "/" n ".sh")
  next
}
console { print >(dir "/" n ".out"); next }
inside { next }
/^## / { exercises = /Exercises/ }
/^Sources:/ { sources = 1 }
/^$/ { sources = 0 }
exercises || sources || /^#/ || /^    / { next }
{
  text = $0
  gsub(/`[^`]*`/, " ", text)
  gsub(/,/, "", text) # 1,030
  while (match(text, /[0-9]+(\.[0-9]+)?/)) {
    v = substr(text, RSTART, RLENGTH)
    text = substr(text, RSTART + RLENGTH)
    if (v ~ /\./ || length(v) > 2) print v
  }
}
