"""For nbgrader: `source/` holds what instructors write, `release/` what students get.

nbgrader generate_assignment 01_metrics --create --force  # run in this folder
nbgrader autograde 01_metrics  # from submitted/<student>/01_metrics/
"""

c = get_config()

c.CourseDirectory.course_id = "beyond-the-next-click"
c.ExecutePreprocessor.timeout = 300  # one of them trains a small model
