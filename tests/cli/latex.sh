#!/bin/sh
# The LaTeX tables compile: with pdflatex where it is, else the escapes are looked at.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

# names that LaTeX, its tables and its fonts would mean something by
cat >"$TMP/odd.csv" <<'END'
model,in_100% & #1,v2$x$,"a ~ b ^ c \ {d}"
a_b%c&d#e$f~g^^M{h}\i,70.1,60.2,50.3
[1cm] first,71.2,61.3,51.4
* starred -- ``quoted'' ?`,72.3,62.4,52.5
Zoë → naïve − ß ≥ ± † ‡ § … – “x”,73.4,63.5,53.6
日本語 модель α𝛼 ð,74.5,64.6,54.7
\input{/etc/passwd} \end{tabular} %,75.6,65.7,55.8
END
awk 'BEGIN { print "model,val,v2"; for (i = 0; i < 130; i++) printf "m_%d,%.2f,%.2f\n", i, 60 + i / 10, 50 + i / 9 }' >"$TMP/long.csv"

run table "$TMP/odd.csv" --format latex
cp "$TMP/out" "$TMP/odd.tex"
[ $code -eq 0 ] && ok "latex: a table of odd names" || not_ok "latex: a table of odd names" "exit $code: $(head -c 300 "$TMP/err")"
has "latex: specials" 'a\_b\%c\&d\#e\$f\textasciitilde{}g\textasciicircum{}\textasciicircum{}M\{h\}\textbackslash{}i & ' "$TMP/odd.tex"
has "latex: a bracket after \\\\" '{}[1cm] first & ' "$TMP/odd.tex"
has "latex: a star after \\\\, ligatures" "{}* starred -{}- \`{}\`quoted'{}' ?{}\` & " "$TMP/odd.tex"
has "latex: characters with a glyph" 'Zoë → naïve $-$ ß $\geq$ ± † ‡ § … – “x” & ' "$TMP/odd.tex"
has "latex: characters without" '\assaychar{65E5}{日}' "$TMP/odd.tex"
has "latex: says what it needs" 'needs \usepackage{booktabs' "$TMP/odd.tex"
grep -v '^%' "$TMP/odd.tex" | grep -q '^\\input' && not_ok "latex: commands are text" "found \\input" || ok "latex: commands are text"
run table "$TMP/long.csv" --format latex
cp "$TMP/out" "$TMP/long.tex"
has "latex: a long table goes over pages" '\begin{longtable}{lrr' "$TMP/long.tex"
run table "$TMP/odd.csv" --format latex --part all
cp "$TMP/out" "$TMP/parts.tex"

command -v pdflatex >/dev/null 2>&1 || {
  skip "latex: compiles" "no pdflatex"
  exit $failed
}
cd "$TMP" || exit 1
rules= # without the package its lines serve
kpsewhich booktabs.sty >/dev/null 2>&1 || {
  printf '\\newcommand\\toprule{\\hline}\\newcommand\\midrule{\\hline}\\newcommand\\bottomrule{\\hline}\n' >booktabs.sty
  rules=" (rules by \\hline)"
}
for t in odd long parts; do
  packages=$(sed -n '1s/.*\\usepackage{\(.*\)}.*/\1/p' $t.tex)
  printf '\\documentclass{article}\n\\usepackage{%s}\n\\begin{document}\n\\input{%s}\n\\end{document}\n' "$packages" $t >doc_$t.tex
  # the second pass reads what captions have left
  for pass in 1 2; do pdflatex -interaction=nonstopmode -halt-on-error doc_$t.tex >$t.log 2>&1; done
  if [ -s doc_$t.pdf ] && ! grep -q '^!' $t.log; then
    ok "latex: $t compiles"
  else
    not_ok "latex: $t compiles$rules" "$(grep -A3 '^!' $t.log | head -c 400)"
  fi
  if grep -q 'Overfull .hbox\|Float too large' $t.log; then
    not_ok "latex: $t fits its page" "$(grep 'Overfull .hbox\|Float too large' $t.log | head -3)"
  else
    ok "latex: $t fits its page"
  fi
done
exit $failed
