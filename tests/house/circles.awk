# Circles in a directed graph: Tarjan's strongly connected components. One edge a line: FROM TO WHAT, nodes being
# paths without a suffix. A circle may hold two files of one folder and no more; the others are printed with
# their edges. Exit 1 if there is one.
function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
function visit(v,   n, i, list, w) {
  index_of[v] = low[v] = ++counter
  stack[++depth] = v
  on_stack[v] = 1
  n = split(out[v], list, " ")
  for (i = 1; i <= n; i++) {
    w = list[i]
    if (!(w in index_of)) {
      visit(w)
      if (low[w] < low[v]) low[v] = low[w]
    } else if (on_stack[w] && index_of[w] < low[v]) {
      low[v] = index_of[w]
    }
  }
  if (low[v] == index_of[v]) close_component(v)
}
function close_component(v,   w, n, part, apart, i, k, name) {
  do {
    w = stack[depth--]
    on_stack[w] = 0
    part[++n] = w
    if (folder(w) != folder(v)) apart = 1
  } while (w != v)
  if (n < 2 || (n == 2 && !apart)) return
  bad = 1
  printf "%s circle of %d files%s:", kind, n, apart ? " in different folders" : ""
  for (i = 1; i <= n; i++) printf " %s", part[i]
  printf "\n"
  for (i = 1; i <= n; i++)
    for (k = 1; k <= n; k++) {
      name = part[i] " " part[k]
      if (name in what) printf "    %s -> %s: %s\n", part[i], part[k], what[name]
    }
}
{
  if ($1 == $2) next
  if (!(($1 " " $2) in what)) out[$1] = out[$1] " " $2
  if (length(what[$1 " " $2]) < 200) what[$1 " " $2] = what[$1 " " $2] (what[$1 " " $2] ? ", " : "") $3
  node[$1] = node[$2] = 1
}
END {
  for (v in node) if (!(v in index_of)) visit(v)
  exit bad + 0
}
