# Reads C files in the project's format (a definition begins in the first column and ends with "}" there) and prints
# for each function: FILE LINE NAME LINES STATIC WHY, separated by tabs. LINES counts from the first line of the
# definition to its closing brace; WHY is 1 if the comment right above it says "Long because".
FNR == 1 { inside = started = why = in_comment = 0 }
/^\/\*/ { comment = ""; in_comment = 1 }
in_comment {
  comment = comment " " $0
  if (/\*\//) { in_comment = 0; why = comment ~ /Long because/ ; comment_end = FNR }
  next
}
/^#/ || /^[ \t]/ && !inside && !started { next }
/^[A-Z_0-9]+$/ && !inside && !started { next } # a macro on a line of its own
!inside && !started && /^[A-Za-z_]/ && !/^(typedef|struct [a-z0-9_]+ \{|enum|union)/ { started = FNR; head = "" }
started && !inside {
  head = head " " $0
  if (/\{$/) {
    if (head ~ /\) *\{$/ && head !~ /=/) { inside = 1 } else { started = 0; inside = 2 }
  } else if (/[;}]$/) {
    started = 0
  }
  next
}
inside && /^}/ {
  if (inside == 1) {
    name = head
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    printf "%s\t%d\t%s\t%d\t%d\t%d\n", FILENAME, started, name, FNR - started + 1, head ~ /^ static /,
           why && comment_end + 1 == started
  }
  inside = started = 0
}
