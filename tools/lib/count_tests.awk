# Adds up the single test cases in meson's testlog.txt: the "ok" and "not ok" lines of programs that
# speak TAP. A program without such a line counts as one case; a program that failed without saying
# which case did (a crash, a time-out, fewer cases than it announced) is one failure more. Prints what failed or was
# skipped with its reason, and "N passed, N failed" (and ", N skipped"), exits 1 if a case failed or none ran.

# meson writes "result:         exit status 0" or "killed by signal 11 SIGSEGV"
function finish() {
    if (!inside)
        return
    if (result ~ /^exit status 77/)
        plan_skipped = 1
    if (plan_skipped)
        print "skipped: " name (why ? ": " why : "")
    good = (result ~ /^exit status 0/ && cases >= plan) || plan_skipped
    if (good && plan_skipped)
        skipped++
    else if (good && cases == 0)
        passed++
    if (!good && bad == 0) {
        failed++
        print "failed: " name " (" result ", " cases " of " plan " cases)"
    }
    inside = 0
}

/^=+ +[0-9]+\/[0-9]+ +=+$/ { finish(); inside = 1; why = ""; cases = bad = plan = plan_skipped = 0; name = result = "" }
inside && /^test: / { name = $0; sub(/^test: +/, "", name) }
inside && /^result: / { result = $0; sub(/^result: +/, "", result) }
inside && /^1\.\.[0-9]+/ { plan += substr($1, 4); plan_skipped = /^1\.\.0 .*# *[Ss][Kk][Ii][Pp]/; if (plan_skipped) why = $0 }
inside && /skipped: / { why = $0 } # of a tool that exits with 77
inside && /^ok( |$)/ {
    cases++
    if ($0 ~ /# *[Ss][Kk][Ii][Pp]/) {
        skipped++
        print "skipped: " name ": " $0
    } else {
        passed++
    }
}
inside && /^not ok( |$)/ {
    cases++
    if ($0 ~ /# *[Tt][Oo][Dd][Oo]/) {
        skipped++
    } else {
        bad++
        failed++
        print "failed: " name ": " $0
    }
}

END {
    finish()
    line = (passed + 0) " passed, " (failed + 0) " failed"
    if (skipped > 0)
        line = line ", " skipped " skipped"
    print line
    exit failed > 0 || passed + 0 == 0
}
