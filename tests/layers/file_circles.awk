# Files that call each other in a circle. Reads what nm says of a static library:
#
#     nm libquickstep_internal.a | awk -f file_circles.awk
#
# Prints one line per call that is part of a circle, "a.c -> b.c: names", and nothing without one.

/^[^ ]+:$/ { object = substr($0, 1, length($0) - 1); sub(/.*\//, "", object); sub(/\.o$/, "", object) }
NF == 3 && $2 ~ /^[TDRB]$/ { home[$3] = object }
NF == 2 && $1 == "U" { used[object, $2] }

# Everything that can be reached from `from`, into reached.
function reach(from,    i, parts) {
    if (from in reached)
        return
    reached[from]
    for (i = split(callees[from], parts, "\n"); i > 0; --i)
        reach(parts[i])
}

END {
    for (use in used) {
        split(use, parts, SUBSEP)
        from = parts[1]
        if (!(parts[2] in home) || home[parts[2]] == from)
            continue
        to = home[parts[2]]
        if (!((from, to) in names))
            callees[from] = callees[from] (callees[from] == "" ? "" : "\n") to
        names[from, to] = names[from, to] " " parts[2]
    }
    for (call in names) {
        split(call, parts, SUBSEP)
        split("", reached)
        reach(parts[2])
        if (parts[1] in reached)
            print parts[1] " -> " parts[2] ":" names[call]
    }
}
