# tools/shader_stats: lines "SET NAME CONSTANTS STATISTIC=VALUE..." (with tabs) to a Markdown table, a row
# for each SET and NAME, or for each line. Exit 1 if anything spills or uses scratch,
# or if a pipeline of the set "least" has more shared memory than every device.
function larger(key, value) { if (!(key in most) || value > most[key]) most[key] = value }
NF < 4 { next }
{
    row = $1 " | " $2 (each ? " " $3 : "")
    if (!(row in count)) rows[++row_count] = row
    count[row]++
    delete is
    for (i = 4; i <= NF; i++) {
        split($i, part, "=")
        is[part[1]] = part[2] + 0
    }
    waves = is["Subgroups per SIMD"]
    if (!(row in fewest) || waves < fewest[row]) fewest[row] = waves
    spilled = is["Spilled VGPRs"] + is["Spilled SGPRs"]
    larger(row "registers", is["VGPRs"])
    larger(row "spilled", spilled)
    larger(row "scratch", is["Scratch size"])
    larger(row "shared", is["LDS size"])
    larger(row "code", is["Code size"])
    larger(row "cycles", is["Latency"])
    large += $1 == "least" && is["LDS size"] > 16384
    bad += spilled > 0 || is["Scratch size"] > 0
    total++
}
END {
    print "| set | shader | pipelines | registers | spilled | scratch | shared | waves | code | cycles |"
    print "|---|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= row_count; i++) {
        row = rows[i]
        print "| " row " | " count[row] " | " most[row "registers"] " | " most[row "spilled"] " | " \
            most[row "scratch"] " | " most[row "shared"] " | " fewest[row] " | " most[row "code"] " | " \
            most[row "cycles"] " |"
    }
    print "\n" total + 0 " pipelines, " bad + 0 " of them spill or use scratch memory"
    if (large) print large " of the set \"least\" have more than 16 KiB of shared memory"
    exit !(total > 0 && bad == 0 && large == 0)
}
