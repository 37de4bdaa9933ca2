# Does FILE 2 say what FILE 1 says? Runs of blanks count as one; a line "..." stands for any number of lines, and a line
# that ends in "..." for any that begins like it. Prints the first line that is not found; exit status 1.
{ gsub(/[ \t\r]+/, " "); sub(/ $/, ""); sub(/^ /, "") }
FILENAME == ARGV[1] { want[++n] = $0; next }
{ got[++m] = $0 }
function fits(w, g) {
  if (w == g) return 1
  return w ~ /\.\.\.$/ && index(g, substr(w, 1, length(w) - 3)) == 1
}
END {
  j = 1
  for (i = 1; i <= n; i++) {
    if (want[i] == "...") { any = 1; continue }
    while (any && j <= m && !fits(want[i], got[j])) j++
    if (j > m || !fits(want[i], got[j])) { print "wanted \"" want[i] "\", found \"" got[j] "\""; exit 1 }
    any = 0
    j++
  }
  if (j <= m && !any) { print "found more: \"" got[j] "\""; exit 1 }
}
