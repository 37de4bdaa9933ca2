# C without comments: block and line comments become nothing, strings and character constants stay. Prints the lines
# that still hold something. With -v comments=1: FILE:LINE:TEXT of the comments instead. With -v count=1:
# "FILE CODE COMMENTS", the lines that hold code and those that hold a comment alone.
function report() { if (count && file != "") print file, n_code + 0, n_comments + 0 }
FNR == 1 {
  report()
  file = FILENAME
  block = n_code = n_comments = 0
}
{
  rest = $0
  code = said = ""
  while (rest != "") {
    if (block) {
      at = index(rest, "*/")
      if (!at) {
        said = said " " rest
        break
      }
      said = said " " substr(rest, 1, at - 1)
      rest = substr(rest, at + 2)
      block = 0
      continue
    }
    if (!match(rest, /\/\*|\/\/|"|'/)) {
      code = code rest
      break
    }
    mark = substr(rest, RSTART, RLENGTH)
    code = code substr(rest, 1, RSTART - 1)
    rest = substr(rest, RSTART)
    if (mark == "/*") {
      block = 1
      said = said " "
      rest = substr(rest, 3)
    } else if (mark == "//") {
      said = said " " substr(rest, 3)
      rest = ""
    } else {
      # to the end of the string or character constant, over escaped quotes
      n = 1
      while (n < length(rest)) {
        c = substr(rest, ++n, 1)
        if (c == "\\") n++
        else if (c == mark) break
      }
      code = code substr(rest, 1, n)
      rest = substr(rest, n + 1)
    }
  }
  if (code ~ /[^ \t]/) {
    n_code++
    if (!comments && !count) print code
  } else if (said != "") {
    n_comments++
  }
  if (comments && said != "") print FILENAME ":" FNR ":" said
}
END { report() }
