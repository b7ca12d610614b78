"""Behind `grade.py`: what is handed in, run, judged and handed back.

`finding` reads files and archives, `restoring` puts the original cells back, `running`
starts a kernel for each submission and asks it (`inside` is what runs in there),
`judging` makes points of the replies, `writing` and `pages` write them down.
"""
